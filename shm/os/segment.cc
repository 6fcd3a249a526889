#include "shm/os/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>

#include <utility>

#include "shm/os/basic_types.h"
#include "shm/os/file_limit.h"
#include "shm/os/system_error.h"

namespace dolium::shm {
namespace {

/// Adapts a descriptor to boost::interprocess::mapped_region.
struct MappableFd {
  int fd;
  [[nodiscard]] boost::interprocess::mapping_handle_t get_mapping_handle() const { return {fd, false}; }
};

/// Reserves address space for `bytes` that begins at a multiple of 2 MiB. Mapped without access; nullptr on failure.
void* aligned_space(std::uint64_t bytes) {
  const std::uint64_t enough = bytes + kHugePageBytes;
  void* const space = ::mmap(nullptr, enough, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(space);
  auto* const aligned = begin + (round_up(reinterpret_cast<std::uintptr_t>(begin), kHugePageBytes) -
                                 reinterpret_cast<std::uintptr_t>(begin));
  auto* const end = aligned + round_up(bytes, kPageBytes);
  if (aligned != begin) ::munmap(begin, static_cast<std::size_t>(aligned - begin));
  ::munmap(end, static_cast<std::size_t>(begin + enough - end));
  return aligned;
}

/// Maximum number of tries while another thread or the kernel is busy with one of the pages.
constexpr int kCollapseTries = 8;

constexpr mode_t kOwnerOnly = 0600;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

Result<void> make_large_pages(std::span<std::byte> memory) {
#ifndef MADV_COLLAPSE
  constexpr int MADV_COLLAPSE = 25;  // Linux 6.1; the C library of Debian 12 has no name for it
#endif
  for (int tries = 1; ::madvise(memory.data(), memory.size(), MADV_COLLAPSE) != 0; ++tries)
    if ((errno != EAGAIN && errno != EBUSY) || tries == kCollapseTries)
      return system_error("convert memory to 2 MiB pages");
  return {};
}

struct Mapping::Region {
  boost::interprocess::mapped_region mapped;
};

Mapping::Mapping() noexcept = default;
Mapping::~Mapping() = default;

Mapping::Mapping(Mapping&& other) noexcept
    : region_(std::move(other.region_)), bytes_(std::exchange(other.bytes_, {})) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  region_ = std::move(other.region_);
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

Result<Mapping> Mapping::map(const UniqueFd& fd, std::uint64_t bytes, Mode mode, std::string_view what) {
  namespace bip = boost::interprocess;
  Mapping mapping;
  void* const place = bytes < kHugePageBytes ? nullptr : aligned_space(bytes);
  try {
    mapping.region_ = std::make_unique<Region>(
        Region{{MappableFd{fd.get()}, mode == Mode::read_only ? bip::read_only : bip::read_write, 0, bytes, place,
                place == nullptr ? bip::default_map_options : MAP_FIXED}});
  } catch (const bip::interprocess_exception& failure) {
    if (place != nullptr) ::munmap(place, round_up(bytes, kPageBytes));
    return system_error(fmt::format("map {} bytes of the {}", bytes, what), failure.get_native_error());
  }
  const bip::mapped_region& mapped = mapping.region_->mapped;
  mapping.bytes_ = {static_cast<std::byte*>(mapped.get_address()), mapped.get_size()};
  if (::madvise(mapping.data(), bytes, MADV_DONTDUMP) != 0)
    return system_error(fmt::format("keep the {} out of core dumps", what));
  return mapping;
}

Result<void> Mapping::exclude_from_fork() const {
  if (::madvise(data(), size(), MADV_DONTFORK) != 0) return system_error("exclude a mapping from fork()");
  return {};
}

Result<Segment> Segment::create(std::string_view name, std::uint64_t bytes, Options options) {
  if (auto allowed = check_file_limit(name, bytes); !allowed) return std::move(allowed).error();
  Segment segment;
  segment.name_ = name;
  segment.size_ = bytes;
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (options.huge_pages ? MFD_HUGETLB | MFD_HUGE_2MB : 0U);
  segment.fd_ = UniqueFd(::memfd_create(fmt::format("dolium-{}", name).c_str(), flags));
  if (!segment.fd_.valid()) return system_error(fmt::format("create the memory of the {}", name));
  const int fd = segment.fd_.get();
  if (::fchmod(fd, kOwnerOnly) != 0) return system_error(fmt::format("protect the memory of the {}", name));
  if (retry_interrupted([&] { return ::ftruncate(fd, static_cast<off_t>(bytes)); }) != 0)
    return system_error(fmt::format("size the memory of the {} to {} bytes", name, bytes));
  if (retry_interrupted([&] { return ::fcntl(fd, F_ADD_SEALS, kSeals); }) != 0)
    return system_error(fmt::format("seal the size of the {}", name));
  return segment;
}

Result<Segment> Segment::adopt(std::string_view name, std::uint64_t bytes, UniqueFd memory) {
  struct stat found {};
  if (::fstat(memory.get(), &found) != 0)
    return system_error(fmt::format("read the size of the memory of the {}", name));
  const int seals = retry_interrupted([&] { return ::fcntl(memory.get(), F_GET_SEALS); });
  if (seals < 0) return system_error(fmt::format("read the seals of the {}", name));
  if (static_cast<std::uint64_t>(found.st_size) != bytes || (seals & kSeals) != kSeals)
    return Error{Errc::protocol_error,
                 fmt::format("the {} should be {} bytes of fixed size, but it has {} bytes, or its size can change",
                             name, bytes, found.st_size)};
  Segment segment;
  segment.name_ = name;
  segment.size_ = bytes;
  segment.fd_ = std::move(memory);
  return segment;
}

Result<UniqueFd> Segment::reopen_read_only() const {
  const std::string path = fmt::format("/proc/self/fd/{}", fd_.get());
  UniqueFd fd(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (!fd.valid()) return system_error(fmt::format("reopen the {} for reading", name_));
  return fd;
}

Result<UniqueFd> Segment::duplicate() const {
  UniqueFd fd(retry_interrupted([&] { return ::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0); }));
  if (!fd.valid()) return system_error(fmt::format("duplicate the descriptor of the {}", name_));
  return fd;
}

Result<void> Segment::reserve(std::uint64_t begin, std::uint64_t end) const {
  const auto bytes = static_cast<off_t>(end - begin);
  if (retry_interrupted([&] { return ::fallocate(fd_.get(), 0, static_cast<off_t>(begin), bytes); }) != 0)
    return system_error(fmt::format("reserve {} bytes of memory for the {}", bytes, name_));
  return {};
}

Result<void> Segment::punch(std::uint64_t begin, std::uint64_t end) const {
  const auto bytes = static_cast<off_t>(end - begin);
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (retry_interrupted([&] { return ::fallocate(fd_.get(), kMode, static_cast<off_t>(begin), bytes); }) != 0)
    return system_error(fmt::format("give {} bytes of the {} back to the system", bytes, name_));
  return {};
}

std::uint64_t Segment::next_hole(std::uint64_t at) const noexcept {
  const off_t found = ::lseek(fd_.get(), static_cast<off_t>(at), SEEK_HOLE);
  return found < 0 ? size_ : static_cast<std::uint64_t>(found);
}

std::uint64_t Segment::next_data(std::uint64_t at) const noexcept {
  const off_t found = ::lseek(fd_.get(), static_cast<off_t>(at), SEEK_DATA);
  if (found >= 0) return static_cast<std::uint64_t>(found);
  return errno == ENXIO ? size_ : at;
}

}  // namespace dolium::shm
