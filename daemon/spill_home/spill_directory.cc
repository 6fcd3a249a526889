#include "daemon/spill_home/spill_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
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

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// The names of files of ours: what has one of them must be a regular file. To open anything else could wait for ever
/// (a FIFO), or fail in a way that looks as if it might pass.
Result<void> check_own_names(const UniqueFd& directory, const std::string& path) {
  for (const char* name : {kLockName, kSuperblockName, kNewSuperblockName}) {
    struct stat info {};
    if (::fstatat(directory.get(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) return system_error(fmt::format("examine {}/{}", path, name));
    } else if (!S_ISREG(info.st_mode)) {
      return unusable(
          fmt::format("the spill directory {} has {} named \"{}\", where the spill tier has a regular file: move it "
                      "away",
                      path, kind_of(info.st_mode), name));
    }
  }
  return {};
}

Result<struct statfs> file_system_of(const UniqueFd& directory, const std::string& path) {
  struct statfs info {};
  if (retry_interrupted([&] { return ::fstatfs(directory.get(), &info); }) != 0)
    return system_error("examine the file system of " + path);
  return info;
}

Result<void> check_disk(const UniqueFd& directory, const std::string& path) {
  const auto info = file_system_of(directory, path);
  if (!info) return info.error();
  const auto type = static_cast<std::uint64_t>(info->f_type);
  if (type == TMPFS_MAGIC || type == RAMFS_MAGIC)
    return unusable(
        fmt::format("the spill directory {} is in memory (tmpfs): spilling there would free none; choose a "
                    "directory on a disk",
                    path));
  return {};
}

// ---- the lock ----

std::string name_of_process(pid_t process) {
  std::string name;
  std::getline(std::ifstream(fmt::format("/proc/{}/comm", process)), name);
  return name;
}

pid_t parent_of(pid_t process) {
  std::string word;
  pid_t parent = 0;
  std::ifstream status(fmt::format("/proc/{}/status", process));
  while (status >> word)
    if (word == "PPid:" && status >> parent) break;
  return parent;
}

/// The process that has the lock has written its number there.
LockHolder holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  LockHolder out;
  out.process = size > 0 ? static_cast<pid_t>(std::strtol(text.data(), nullptr, 10)) : 0;
  const pid_t parent = out.process > 0 ? parent_of(out.process) : 0;
  if (parent > 1 && name_of_process(parent).starts_with("doliumd")) out.daemon = parent;
  return out;
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

std::optional<LockHolder> find_holder(const UniqueFd& directory, const std::string& path) {
  const Result<UniqueFd> file = open_lock(directory, path, O_RDONLY);
  if (!file || ::flock(file->get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return std::nullopt;
  return holder_of(file->get());
}

// ---- what is in it ----

/// Whether it is the directory of this machine, or can become it.
Result<void> check_content(const UniqueFd& directory, const std::string& path, const Machine& machine, bool read_only) {
  const UniqueFd file(
      retry_interrupted([&] { return ::openat(directory.get(), kSuperblockName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW); }));
  if (!file.valid() && errno != ENOENT) return system_error(fmt::format("open {}/{}", path, kSuperblockName));
  if (!file.valid()) {
    if (read_only)
      return unusable("it has no superblock, and its file system is mounted read-only: mount it for writing");
    const auto names = list_spill_directory(directory, path);
    return names ? admit_new_directory(*names) : names.error();
  }
  Superblock block;
  const ssize_t size = retry_interrupted([&] { return ::pread(file.get(), &block, sizeof(block), 0); });
  if (size < 0) return system_error(fmt::format("read {}/{}", path, kSuperblockName));
  if (auto good = admit_superblock(block, static_cast<std::size_t>(size)); !good) return good;
  return admit_machine(block, machine);
}

std::vector<std::string> doubts_of(const struct statfs& info, const std::string& path, bool read_only) {
  std::vector<std::string> out;
  if (static_cast<std::uint64_t>(info.f_type) == OVERLAYFS_SUPER_MAGIC)
    out.push_back(
        fmt::format("the spill directory {} is in a container's own layer: it goes with the container; "
                    "mount a volume there",
                    path));
  if (static_cast<std::uint64_t>(info.f_type) == NFS_SUPER_MAGIC)
    out.push_back(fmt::format("the spill directory {} is on NFS: a lost network looks like a hung disk", path));
  if (read_only)
    out.push_back(fmt::format(
        "the file system of the spill directory {} is mounted read-only: objects are read back, and none are written",
        path));
  return out;
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
  if (auto names = check_own_names(directory, path); !names) return names.error();
  return directory;
}

Result<std::vector<std::string>> list_spill_directory(const UniqueFd& directory, const std::string& path) {
  // A descriptor of its own: fdopendir() takes it, and it has a position.
  UniqueFd fd(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd.valid() ? ::fdopendir(fd.get()) : nullptr, &::closedir);
  if (!stream) return system_error("list the spill directory " + path);
  static_cast<void>(fd.release());
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return system_error("list the spill directory " + path);
  return names;
}

Result<UniqueFd> lock_spill_directory(const UniqueFd& directory, const std::string& path) {
  Result<UniqueFd> file = open_lock(directory, path, O_RDWR | O_CREAT);
  if (!file) return file;
  if (retry_interrupted([&] { return ::flock(file->get(), LOCK_EX | LOCK_NB); }) != 0)
    return errno == EWOULDBLOCK ? locked(holder_of(file->get()), path)
                                : system_error("lock the spill directory " + path);
  const std::string text = fmt::format("{:<10}\n", ::getpid());
  // Only for the messages: on a read-only file system there is no number.
  static_cast<void>(::pwrite(file->get(), text.data(), text.size(), 0));
  return file;
}

bool holds_spill_lock(const UniqueFd& directory, const UniqueFd& lock) noexcept {
  struct stat named {};
  struct stat held {};
  if (::fstatat(directory.get(), kLockName, &named, AT_SYMLINK_NOFOLLOW) != 0) return errno != ENOENT;
  if (::fstat(lock.get(), &held) != 0) return true;
  return named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

Error locked(const LockHolder& holder, const std::string& path) {
  if (holder.daemon != 0)
    return {Errc::already_exists,
            fmt::format("the spill directory {} is in use by process {}, of the daemon that is process {}: give this "
                        "daemon a directory of its own, or stop the other one",
                        path, holder.process, holder.daemon)};
  const std::string process = holder.process > 0 ? fmt::format("process {}", holder.process) : "another process";
  return system_error(
      fmt::format("lock the spill directory {}: it is still in use by {}, whose daemon has ended. It is "
                  "ending, or waits for a disk that does not answer, and keeps the directory until then",
                  path, process),
      EWOULDBLOCK);
}

Result<DirectoryFindings> examine_spill_directory(const std::string& path, const Machine& machine) {
  const Result<UniqueFd> directory = open_spill_directory(path);
  if (!directory) return directory.error();
  const auto info = file_system_of(*directory, path);
  if (!info) return info.error();
  const bool read_only = (static_cast<std::uint64_t>(info->f_flags) & ST_RDONLY) != 0;
  if (auto content = check_content(*directory, path, machine, read_only); !content) {
    Error error = content.error();
    error.message = fmt::format("the spill directory {} cannot be used: {}", path, error.message);
    return error;
  }
  struct stat found {};
  if (::fstat(directory->get(), &found) != 0) return system_error("examine the spill directory " + path);
  DirectoryFindings out;
  out.free_bytes = static_cast<std::uint64_t>(info->f_bavail) * static_cast<std::uint64_t>(info->f_bsize);
  out.device = found.st_dev;
  out.warnings = doubts_of(*info, path, read_only);
  out.holder = find_holder(*directory, path);
  return out;
}

bool is_permanent(const Error& error) noexcept {
  if (error.code == Errc::invalid_argument || error.code == Errc::already_exists) return true;
  switch (error.error_number) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOSPC:
    case EDQUOT: return true;
    default: return false;
  }
}

}  // namespace dolium::spill
