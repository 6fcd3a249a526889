#pragma once
// PrivatePages: a writable copy of bytes of a segment that shares its pages until they are written (copy on write). No
// other process and no other mapping sees a write. PageSource: the segment's descriptor, for making such copies.
//
// A page that was not written yet is still the segment's page. So the bytes of the segment must not change, and must
// stay reserved, while the copy lives: the caller holds the object.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::shm {

/// A resource: moves. Frees or unmaps at destruction. A child of fork() inherits a copy of its own.
class PrivatePages {
 public:
  PrivatePages() = default;
  PrivatePages(PrivatePages&& other) noexcept;
  PrivatePages& operator=(PrivatePages&& other) noexcept;
  ~PrivatePages();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  friend class PageSource;
  /// `mapped_bytes` 0: `base` is from the heap.
  PrivatePages(std::byte* base, std::uint64_t mapped_bytes, std::span<std::byte> bytes) noexcept
      : base_(base), mapped_bytes_(mapped_bytes), bytes_(bytes) {}

  std::byte* base_ = nullptr;  // owned
  std::uint64_t mapped_bytes_ = 0;
  std::span<std::byte> bytes_;
};

class PageSource {
 public:
  /// Copying fewer bytes than this is faster than mapping them.
  static constexpr std::uint64_t kCopyBelow = 8192;

  /// No copies can be made.
  PageSource() = default;
  /// `memory` may be read-only. system_error if the kernel does not describe it.
  [[nodiscard]] static Result<PageSource> of(UniqueFd memory);

  /// A private copy of `shared`, the bytes of the segment from `offset` on. Aligned to 64 bytes if they are.
  ///
  /// Pages of the reserved pool of 2 MiB pages (MFD_HUGETLB) are copied at once: the pool has none to spare, and the
  /// kernel kills a process whose write finds none. Fewer than kCopyBelow bytes are copied at once, too.
  /// Errors: out_of_memory, which names the limit that was reached; system_error if the program closed the descriptor.
  [[nodiscard]] Result<PrivatePages> copy_on_write(std::uint64_t offset, std::span<const std::byte> shared) const;

 private:
  [[nodiscard]] Result<void> check_descriptor() const;

  UniqueFd memory_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool huge_pages_ = false;
};

}  // namespace dolium::shm
