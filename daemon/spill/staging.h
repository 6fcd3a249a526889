#pragma once
// Staging buffers: memory between the arena and the disk, aligned for O_DIRECT. The kernel reads and writes only these,
// never the arena: a process that dies during I/O would leave the kernel at work in memory that belongs to another
// object by then.
//
// One thread.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "daemon/spill/format.h"

namespace dolium::spill {

/// Memory aligned to kBlockBytes. Throws std::bad_alloc. A resource.
class AlignedBuffer {
 public:
  explicit AlignedBuffer(std::size_t size);
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept;
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> memory_;
};
using BufferPtr = std::shared_ptr<AlignedBuffer>;

/// At most `count` buffers of one size. Each is made when it is first needed.
class BufferPool {
 public:
  BufferPool(std::size_t buffer_bytes, std::size_t count) : buffer_bytes_(buffer_bytes), count_(count) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// None: all are in use. A buffer is free again when its last user lets go.
  [[nodiscard]] BufferPtr take();
  [[nodiscard]] std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }

 private:
  const std::size_t buffer_bytes_;
  const std::size_t count_;
  std::vector<BufferPtr> buffers_;  // those with one use are free
};

}  // namespace dolium::spill
