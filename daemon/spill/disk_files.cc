#include "daemon/spill/disk_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "daemon/spill_home/spill_directory.h"
#include "shm/os/system_error.h"

namespace dolium::spill {
namespace {

using shm::retry_interrupted;
using shm::system_error;
using shm::UniqueFd;

constexpr mode_t kOwnerOnly = 0600;

class DiskFile final : public File {
 public:
  DiskFile(UniqueFd fd, std::string name, bool writable)
      : fd_(std::move(fd)), name_(std::move(name)), writable_(writable) {}
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// A file that was opened on a read-only file system: opens it again, under the same number, if that may be written
  /// by now. Returns an errno.
  [[nodiscard]] int make_writable() {
    if (writable_) return 0;
    const int direct = ::fcntl(fd_.get(), F_GETFL) & O_DIRECT;
    const std::string self = fmt::format("/proc/self/fd/{}", fd_.get());
    const UniqueFd again(retry_interrupted([&] { return ::open(self.c_str(), O_RDWR | O_CLOEXEC | direct); }));
    if (!again.valid() || ::dup3(again.get(), fd_.get(), O_CLOEXEC) < 0) return errno;
    writable_ = true;
    return 0;
  }

 private:
  UniqueFd fd_;
  std::string name_;
  bool writable_;
};

DiskFile& own(File& file) {
  return static_cast<DiskFile&>(file);  // every file of this layer was opened by it
}

Result<void> outcome(int result, const std::string& doing) {
  return result == 0 ? Result<void>() : system_error(doing);
}

}  // namespace

Result<std::unique_ptr<DiskFiles>> DiskFiles::open(const std::string& directory, IoChoice io) {
  Result<UniqueFd> opened = open_spill_directory(directory);
  if (!opened) return std::move(opened).error();
  Result<UniqueFd> lock = lock_spill_directory(*opened, directory);
  if (!lock) return std::move(lock).error();
  Result<std::unique_ptr<RawIo>> raw = make_raw_io(io);
  if (!raw) return std::move(raw).error();
  return std::unique_ptr<DiskFiles>(new DiskFiles(directory, *std::move(opened), *std::move(lock), *std::move(raw)));
}

DiskFiles::DiskFiles(std::string path, UniqueFd directory, UniqueFd lock, std::unique_ptr<RawIo> io)
    : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)), io_(std::move(io)) {}

DiskFiles::~DiskFiles() = default;

std::string DiskFiles::called(const std::string& name) const {
  return path_ + "/" + name;
}

Result<std::vector<std::string>> DiskFiles::list() {
  return list_spill_directory(directory_, path_);
}

Result<FilePtr> DiskFiles::open(const std::string& name, OpenMode mode) {
  int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  if (mode == OpenMode::create) flags |= O_CREAT | O_EXCL;
  if (mode == OpenMode::small) flags |= O_CREAT;
  const auto attempt = [&](int all) {
    return UniqueFd(retry_interrupted([&] { return ::openat(directory_.get(), name.c_str(), all, kOwnerOnly); }));
  };
  const int direct = mode == OpenMode::small ? 0 : O_DIRECT;
  UniqueFd fd = attempt(flags | direct);
  bool writable = true;
  if (!fd.valid() && errno == EINVAL && direct != 0) fd = attempt(flags);  // a file system without O_DIRECT
  if (!fd.valid() && errno == EROFS && mode != OpenMode::create) {
    writable = false;
    fd = attempt(O_RDONLY | O_CLOEXEC | O_NOFOLLOW | direct);
    if (!fd.valid() && errno == EINVAL) fd = attempt(O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (!fd.valid() && errno == ENOENT) errno = EROFS;
  }
  if (!fd.valid()) return system_error("open " + called(name));
  return FilePtr(std::make_shared<DiskFile>(std::move(fd), called(name), writable));
}

Result<void> DiskFiles::allocate(File& file, std::uint64_t bytes) {
  const int fd = own(file).fd();
  const auto size = static_cast<off_t>(bytes);
  const int result = retry_interrupted([&] { return ::fallocate(fd, 0, 0, size); });
  if (result == 0) return {};
  if (errno != EOPNOTSUPP) return system_error(fmt::format("reserve {} bytes for {}", bytes, own(file).name()));
  return truncate(file, bytes);  // blocks are then taken by each write, which can fail with ENOSPC
}

Result<void> DiskFiles::truncate(File& file, std::uint64_t bytes) {
  if (const int error = own(file).make_writable(); error != 0)
    return system_error("set the size of " + own(file).name(), error);
  const int fd = own(file).fd();
  return outcome(retry_interrupted([&] { return ::ftruncate(fd, static_cast<off_t>(bytes)); }),
                 "set the size of " + own(file).name());
}

Result<FileSize> DiskFiles::size(File& file) {
  constexpr std::uint64_t kStatBlock = 512;
  struct stat info {};
  if (::fstat(own(file).fd(), &info) != 0) return system_error("get the size of " + own(file).name());
  return FileSize{static_cast<std::uint64_t>(info.st_size), static_cast<std::uint64_t>(info.st_blocks) * kStatBlock};
}

Result<void> DiskFiles::rename(const std::string& from, const std::string& to) {
  const int fd = directory_.get();
  return outcome(::renameat(fd, from.c_str(), fd, to.c_str()), fmt::format("rename {} to {}", called(from), to));
}

Result<void> DiskFiles::unlink(const std::string& name) {
  return outcome(::unlinkat(directory_.get(), name.c_str(), 0), "remove " + called(name));
}

Result<void> DiskFiles::sync_directory() {
  return outcome(::fsync(directory_.get()), "sync the spill directory " + path_);
}

Result<std::uint64_t> DiskFiles::free_bytes() {
  struct statfs info {};
  if (retry_interrupted([&] { return ::fstatfs(directory_.get(), &info); }) != 0)
    return system_error("examine the file system of " + path_);
  return static_cast<std::uint64_t>(info.f_bavail) * static_cast<std::uint64_t>(info.f_bsize);
}

Result<std::string> DiskFiles::check_place() {
  struct stat named {};
  struct stat opened {};
  const bool is_there = ::stat(path_.c_str(), &named) == 0;
  if (!is_there && errno != ENOENT && errno != ENOTDIR) return std::string();  // it cannot be found out now
  if (::fstat(directory_.get(), &opened) != 0) return system_error("examine the spill directory " + path_);
  if (is_there && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino) return check_lock();
  return Error{
      Errc::system_error,
      fmt::format("the spill directory {} was removed, moved or mounted over while the store runs: put it back, "
                  "or give it up with dolium spill forget",
                  path_),
      RefusalCause::none, ESTALE};
}

/// Another process could lock a new file of this name, and use the directory, too.
Result<std::string> DiskFiles::check_lock() {
  if (holds_spill_lock(directory_, lock_)) return std::string();
  Result<UniqueFd> lock = lock_spill_directory(directory_, path_);
  if (!lock && lock.error().error_number == EROFS) return std::string();
  if (!lock) return std::move(lock).error();
  lock_ = *std::move(lock);
  return path_ + "/lock was removed by another process: it is made and locked again";
}

bool DiskFiles::is_there(const std::string& name) {
  return ::faccessat(directory_.get(), name.c_str(), F_OK, 0) == 0 || errno != ENOENT;
}

Result<std::size_t> DiskFiles::read_now(File& file, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto at = static_cast<off_t>(offset + done);
    const ssize_t count =
        retry_interrupted([&] { return ::pread(own(file).fd(), into.data() + done, into.size() - done, at); });
    if (count < 0) return system_error("read " + own(file).name());
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> DiskFiles::write_now(File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (const int error = own(file).make_writable(); error != 0) return system_error("write " + own(file).name(), error);
  for (std::size_t done = 0; done < bytes.size();) {
    const auto at = static_cast<off_t>(offset + done);
    const ssize_t count =
        retry_interrupted([&] { return ::pwrite(own(file).fd(), bytes.data() + done, bytes.size() - done, at); });
    if (count < 0) return system_error("write " + own(file).name());
    if (count == 0) return system_error("write " + own(file).name(), EIO);
    done += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void> DiskFiles::sync_now(File& file) {
  return outcome(::fdatasync(own(file).fd()), "sync " + own(file).name());
}

void DiskFiles::submit(Io io) {
  DiskFile& file = own(*io.file);
  if (io.kind == IoKind::write) static_cast<void>(file.make_writable());  // if that fails, so does the write
  const int fd = file.fd();
  io_->submit(io, fd);
}

void DiskFiles::reap(std::vector<IoResult>& ended, bool wait) {
  const std::size_t before = ended.size();
  io_->reap(ended, wait);
  for (std::size_t i = before; i < ended.size(); ++i)  // its descriptor was opened on a read-only file system
    if (ended[i].result == -EBADF) ended[i].result = -EROFS;
}

}  // namespace dolium::spill
