#pragma once
// Segment: a piece of memory that processes share: a memfd of fixed size, and Mapping: a view of one.
//
// A segment is sealed against shrinking, growing and further seals before anyone else can see it, so no peer
// can turn another's access into a SIGBUS; its inode is 0600 (a memfd is born 0777). It has no name that
// anyone could open, and is gone with its last descriptor and mapping.
// No F_SEAL_FUTURE_WRITE: it would forbid a restarted daemon its own memory, and giving pages back.

#include <boost/interprocess/mapped_region.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::shm {

/// Makes a range one 2 MiB page each 2 MiB, where there are none yet; the bytes stay what they are, for all who map
/// them, and whoever touches them meanwhile waits. An error where the kernel cannot, or will not now. From any thread.
/// Precondition: `memory` begins and ends at a multiple of kPageBytes.
[[nodiscard]] Result<void> make_large_pages(std::span<std::byte> memory);

/// A resource: moves. Unmaps at destruction.
class Mapping {
 public:
  enum class Mode : std::uint8_t { read_only, read_write };

  Mapping() = default;
  /// Maps the first `bytes` of `fd`, shared. The descriptor may be closed afterwards. Left out of core dumps. What is
  /// 2 MiB or larger begins at a multiple of that: else no 2 MiB page could be mapped as one.
  [[nodiscard]] static Result<Mapping> map(const UniqueFd& fd, std::uint64_t bytes, Mode mode, std::string_view what);

  [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(region_.get_address()); }
  [[nodiscard]] std::uint64_t size() const noexcept { return region_.get_size(); }
  /// make_large_pages() of [begin, end).
  [[nodiscard]] Result<void> collapse(std::uint64_t begin, std::uint64_t end) const {
    return make_large_pages({data() + begin, end - begin});
  }
  /// A child after fork() will not have this mapping.
  [[nodiscard]] Result<void> exclude_from_fork() const;

 private:
  boost::interprocess::mapped_region region_;
};

class Segment {
 public:
  struct Options {
    bool huge_pages = false;  ///< 2 MiB pages from the reserved pool (MFD_HUGETLB); size must be a multiple
  };

  Segment() = default;
  /// `name` is only for /proc/PID/maps; `bytes` above 0.
  [[nodiscard]] static Result<Segment> create(std::string_view name, std::uint64_t bytes, Options options);
  [[nodiscard]] static Result<Segment> create(std::string_view name, std::uint64_t bytes) {
    return create(name, bytes, Options());
  }
  /// Goes on with a segment that another process created. protocol_error when its size can change or is another;
  /// system_error when the kernel does not say.
  [[nodiscard]] static Result<Segment> adopt(std::string_view name, std::uint64_t bytes, UniqueFd memory);

  [[nodiscard]] const UniqueFd& fd() const noexcept { return fd_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] Result<Mapping> map(Mapping::Mode mode) const { return Mapping::map(fd_, size_, mode, name_); }
  /// A descriptor of the same memory that can neither write nor be mapped for writing.
  [[nodiscard]] Result<UniqueFd> reopen_read_only() const;
  /// A second descriptor with the same rights.
  [[nodiscard]] Result<UniqueFd> duplicate() const;
  /// Makes the kernel give the memory of [begin, end) now, so that touching it later cannot fail.
  [[nodiscard]] Result<void> reserve(std::uint64_t begin, std::uint64_t end) const;

 private:
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::string name_;
};

}  // namespace dolium::shm
