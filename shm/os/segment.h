#pragma once
// Segment: memory that processes share: a memfd of fixed size. Mapping: a view of it.
//
// Seals forbid shrinking, growing and further seals before another process can see the segment. So no process can cause
// SIGBUS in another one by shrinking it. Its inode has mode 0600 (a new memfd has 0777). It has no name that could be
// opened, and its memory is freed with its last descriptor and mapping. There is no F_SEAL_FUTURE_WRITE: it would
// prevent a restarted daemon from mapping its own memory, and from giving pages back.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::shm {

/// Turns a range into 2 MiB pages where it has small ones. The contents stay, for all processes that map it; a thread
/// that touches the range meanwhile waits. system_error if the kernel cannot do it, or not now. Can be called on any
/// thread. Precondition: `memory` begins and ends at a multiple of kPageBytes.
[[nodiscard]] Result<void> make_large_pages(std::span<std::byte> memory);

/// A resource: moves. Unmaps at destruction.
class Mapping {
 public:
  enum class Mode : std::uint8_t { read_only, read_write };

  Mapping() noexcept;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  /// Maps the first `bytes` of `fd`, shared. The descriptor may be closed afterwards. The mapping is left out of core
  /// dumps. One of 2 MiB or more begins at a multiple of 2 MiB, so that the kernel can use large pages. `what` names it
  /// in errors.
  [[nodiscard]] static Result<Mapping> map(const UniqueFd& fd, std::uint64_t bytes, Mode mode, std::string_view what);

  [[nodiscard]] std::byte* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes_.size(); }
  /// Calls make_large_pages() for the bytes [begin, end).
  [[nodiscard]] Result<void> collapse(std::uint64_t begin, std::uint64_t end) const {
    return make_large_pages({data() + begin, end - begin});
  }
  /// Child processes will not inherit this mapping.
  [[nodiscard]] Result<void> exclude_from_fork() const;

 private:
  struct Region;  // boost::interprocess::mapped_region; defined in segment.cc

  std::unique_ptr<Region> region_;
  std::span<std::byte> bytes_;  // of the region
};

class Segment {
 public:
  struct Options {
    bool huge_pages =
        false;  ///< 2 MiB pages from the reserved pool (MFD_HUGETLB); the size must be a multiple of 2 MiB
  };

  Segment() = default;
  /// Creates a segment. `name` appears in /proc/PID/maps and in errors. Precondition: bytes > 0.
  [[nodiscard]] static Result<Segment> create(std::string_view name, std::uint64_t bytes, Options options);
  [[nodiscard]] static Result<Segment> create(std::string_view name, std::uint64_t bytes) {
    return create(name, bytes, Options());
  }
  /// Takes over a segment that another process created. protocol_error if its size is another one or can change;
  /// system_error if the kernel cannot tell.
  [[nodiscard]] static Result<Segment> adopt(std::string_view name, std::uint64_t bytes, UniqueFd memory);

  [[nodiscard]] const UniqueFd& fd() const noexcept { return fd_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] Result<Mapping> map(Mapping::Mode mode) const { return Mapping::map(fd_, size_, mode, name_); }
  /// A read-only descriptor of the same memory: it cannot be mapped for writing.
  [[nodiscard]] Result<UniqueFd> reopen_read_only() const;
  /// A second descriptor with the same rights.
  [[nodiscard]] Result<UniqueFd> duplicate() const;
  /// Allocates the memory of [begin, end) now, so that touching it later cannot fail.
  [[nodiscard]] Result<void> reserve(std::uint64_t begin, std::uint64_t end) const;
  /// Gives the memory of [begin, end) back to the system: zeros from now on, until it is written. Multiples of the page
  /// size.
  [[nodiscard]] Result<void> punch(std::uint64_t begin, std::uint64_t end) const;
  /// The first byte from `at` on that has no memory; the size if there is none, or if the kernel cannot tell. Moves the
  /// file offset, which nothing in Dolium uses.
  [[nodiscard]] std::uint64_t next_hole(std::uint64_t at) const noexcept;
  /// The first byte from `at` on that has memory; the size if there is none; `at` if the kernel cannot tell.
  [[nodiscard]] std::uint64_t next_data(std::uint64_t at) const noexcept;

 private:
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::string name_;
};

}  // namespace dolium::shm
