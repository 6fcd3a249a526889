#include "shm/os/private_pages.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstring>
#include <new>
#include <utility>

#include "shm/os/basic_types.h"
#include "shm/os/mapping_limit.h"
#include "shm/os/system_error.h"

namespace dolium::shm {
namespace {

constexpr std::align_val_t kAlignment{kUnitBytes};

}  // namespace

PrivatePages::PrivatePages(PrivatePages&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)),
      bytes_(std::exchange(other.bytes_, {})) {}

PrivatePages& PrivatePages::operator=(PrivatePages&& other) noexcept {
  PrivatePages moved(std::move(other));
  std::swap(base_, moved.base_);
  std::swap(mapped_bytes_, moved.mapped_bytes_);
  std::swap(bytes_, moved.bytes_);
  return *this;
}

PrivatePages::~PrivatePages() {
  if (mapped_bytes_ != 0)
    ::munmap(base_, mapped_bytes_);
  else
    ::operator delete(base_, kAlignment);
}

Result<PageSource> PageSource::of(UniqueFd memory) {
  struct stat file {};
  struct statfs filesystem {};
  if (::fstat(memory.get(), &file) != 0 || ::fstatfs(memory.get(), &filesystem) != 0)
    return system_error("examine the memory of the arena");
  PageSource source;
  source.memory_ = std::move(memory);
  source.device_ = file.st_dev;
  source.inode_ = file.st_ino;
  source.huge_pages_ = filesystem.f_type == HUGETLBFS_MAGIC;
  return source;
}

/// A program that closes all descriptors that it does not know (a daemon that starts) closes this one, and its number
/// may name another file by now.
Result<void> PageSource::check_descriptor() const {
  struct stat file {};
  if (memory_.valid() && ::fstat(memory_.get(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_)
    return {};
  return Error{Errc::system_error,
               "cannot make a private copy: this program closed the descriptor of the store's memory; connect again"};
}

Result<PrivatePages> PageSource::copy_on_write(std::uint64_t offset, std::span<const std::byte> shared) const {
  const std::uint64_t size = shared.size();
  if (size < kCopyBelow || huge_pages_) {
    auto* const copy = static_cast<std::byte*>(::operator new(size, kAlignment, std::nothrow));
    if (copy == nullptr) return mapping_refused(size, ENOMEM);
    if (size != 0) std::memcpy(copy, shared.data(), size);
    return PrivatePages(copy, 0, {copy, size});
  }
  if (auto open = check_descriptor(); !open) return std::move(open).error();
  // Whole pages. The bytes before and behind are neighbours', and are not exposed.
  const std::uint64_t lead = offset % kPageBytes;
  const std::uint64_t mapped = round_up(lead + size, kPageBytes);
  // MAP_NORESERVE: only pages that are written count as memory of this process.
  void* const base = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, memory_.get(),
                            static_cast<off_t>(offset - lead));
  if (base == MAP_FAILED) return mapping_refused(size, errno);
  auto* const begin = static_cast<std::byte*>(base);
  PrivatePages pages(begin, mapped, {begin + lead, size});
  if (::madvise(base, mapped, MADV_DONTDUMP) != 0) return system_error("keep a private copy out of core dumps");
  return pages;
}

}  // namespace dolium::shm
