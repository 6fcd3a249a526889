#pragma once
// An io_uring that two processes share: a client that will be killed, which starts I/O with it; and the test, which
// completes that I/O. Uses system calls only, without liburing.
//
// It is created before fork(); each process maps it for itself. The kernel keeps the client's registrations, and
// continues with its submitted requests after the client's death.

#include <linux/io_uring.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "shm/os/unique_fd.h"

namespace dolium::e2e {

class SharedRing {
 public:
  /// Most requests at once.
  static constexpr unsigned kEntries = 256;

  /// Not valid() where this kernel, or a filter, refuses.
  SharedRing();
  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;
  ~SharedRing();
  [[nodiscard]] bool valid() const noexcept { return fd_.valid(); }

  /// Pins memory of the calling process as buffer 0. False: the kernel will not.
  [[nodiscard]] bool register_buffer(std::span<std::byte> memory) const noexcept;
  /// Submits a read of the file into `to`; with `fixed`, of a process whose buffer 0 contains it.
  [[nodiscard]] bool read(int file, std::uint64_t offset, std::span<std::byte> to, bool fixed) noexcept;
  /// So many requests have completed, by whatever outcome, since the ring was made. Waits for them.
  [[nodiscard]] bool await(unsigned completed) const noexcept;
  /// The outcome of a request that has completed: bytes, or -errno.
  [[nodiscard]] int outcome(unsigned request) const noexcept;

 private:
  [[nodiscard]] std::uint32_t& word(unsigned offset) const noexcept;

  io_uring_params layout_{};  // before the descriptor, whose creation fills it
  shm::UniqueFd fd_;
  std::byte* rings_ = nullptr;  // both queues
  std::size_t rings_bytes_ = 0;
  io_uring_sqe* entries_ = nullptr;
};

}  // namespace dolium::e2e
