#include "daemon/spill/spill_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "shm/os/system_error.h"

namespace dolium::spill {
namespace {

using shm::retry_interrupted;
using shm::system_error;
using shm::UniqueFd;

constexpr mode_t kLockMode = 0600;
constexpr const char* kLockName = "lock";

Error unusable(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

Result<void> check_owner(const UniqueFd& directory, const std::string& path) {
  struct stat info {};
  if (::fstat(directory.get(), &info) != 0) return system_error("examine the spill directory " + path);
  if (info.st_uid != ::geteuid())
    return unusable(
        fmt::format("the spill directory {} belongs to user {}, and this is user {}: its owner could read and "
                    "change every object; run chown {} {}",
                    path, info.st_uid, ::geteuid(), ::geteuid(), path));
  if ((info.st_mode & 077) != 0)
    return unusable(
        fmt::format("the spill directory {} is open to other users (mode {:o}): they could read objects; run "
                    "chmod 700 {}",
                    path, info.st_mode & 07777, path));
  return {};
}

Result<void> check_disk(const UniqueFd& directory, const std::string& path) {
  struct statfs info {};
  if (retry_interrupted([&] { return ::fstatfs(directory.get(), &info); }) != 0)
    return system_error("examine the file system of " + path);
  const auto type = static_cast<std::uint64_t>(info.f_type);
  if (type == TMPFS_MAGIC || type == RAMFS_MAGIC)
    return unusable(
        fmt::format("the spill directory {} is in memory (tmpfs): spilling there would free none; choose a "
                    "directory on a disk",
                    path));
  return {};
}

/// The process that has the lock has written its number there.
std::string holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  const long pid = size > 0 ? std::strtol(text.data(), nullptr, 10) : 0;
  return pid > 0 ? fmt::format("process {}", pid) : "another process";
}

Error locked(int fd, const std::string& path) {
  return {Errc::already_exists,
          fmt::format("the spill directory {} is in use by {}. If its store has stopped, that process waits for a disk "
                      "that does not answer: it cannot be ended, and keeps the directory until the disk answers",
                      path, holder_of(fd))};
}

Result<UniqueFd> open_lock(const UniqueFd& directory, const std::string& path, int flags) {
  const auto attempt = [&](int all) {
    return UniqueFd(retry_interrupted(
        [&] { return ::openat(directory.get(), kLockName, all | O_CLOEXEC | O_NOFOLLOW, kLockMode); }));
  };
  UniqueFd fd = attempt(flags);
  if (!fd.valid() && errno == EROFS) fd = attempt(O_RDONLY);
  if (!fd.valid()) return system_error(fmt::format("open {}/{}", path, kLockName));
  return fd;
}

}  // namespace

Result<UniqueFd> open_spill_directory(const std::string& path) {
  UniqueFd directory(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!directory.valid()) {
    Error error = system_error("open the spill directory " + path);
    if (error.error_number == ENOENT) error.message += ": make it, with mode 700";
    return error;
  }
  if (auto disk = check_disk(directory, path); !disk) return disk.error();
  if (auto owner = check_owner(directory, path); !owner) return owner.error();
  return directory;
}

Result<UniqueFd> lock_spill_directory(const UniqueFd& directory, const std::string& path) {
  Result<UniqueFd> file = open_lock(directory, path, O_RDWR | O_CREAT);
  if (!file) return file;
  if (retry_interrupted([&] { return ::flock(file->get(), LOCK_EX | LOCK_NB); }) != 0)
    return errno == EWOULDBLOCK ? locked(file->get(), path) : system_error("lock the spill directory " + path);
  const std::string text = fmt::format("{:<10}\n", ::getpid());
  // Only for the message above: on a read-only file system there is no number.
  static_cast<void>(::pwrite(file->get(), text.data(), text.size(), 0));
  return file;
}

Result<void> foresee_lock(const UniqueFd& directory, const std::string& path) {
  const Result<UniqueFd> file = open_lock(directory, path, O_RDONLY);
  if (!file) return file.error().error_number == ENOENT ? Result<void>() : file.error();
  if (::flock(file->get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return locked(file->get(), path);
}

Result<DirectoryFindings> describe_spill_directory(const UniqueFd& directory, const std::string& path) {
  struct statfs info {};
  if (retry_interrupted([&] { return ::fstatfs(directory.get(), &info); }) != 0)
    return system_error("examine the file system of " + path);
  DirectoryFindings out;
  out.free_bytes = static_cast<std::uint64_t>(info.f_bavail) * static_cast<std::uint64_t>(info.f_bsize);
  if (static_cast<std::uint64_t>(info.f_type) == OVERLAYFS_SUPER_MAGIC)
    out.warnings.push_back(
        fmt::format("the spill directory {} is in a container's own layer: it goes with the container; "
                    "mount a volume there",
                    path));
  if (static_cast<std::uint64_t>(info.f_type) == NFS_SUPER_MAGIC)
    out.warnings.push_back(
        fmt::format("the spill directory {} is on NFS: a lost network looks like a hung disk", path));
  return out;
}

}  // namespace dolium::spill
