#include "daemon/process/spill_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/process/process_title.h"
#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"
#include "shm/text/size_text.h"

namespace dolium::daemon {
namespace {

namespace fs = std::filesystem;

std::string name_of(SpillIo io) {
  switch (io) {
    case SpillIo::automatic: return "auto";
    case SpillIo::io_uring: return "io_uring";
    case SpillIo::threads: break;
  }
  return "threads";
}

Error refused(const Config& config, const std::string& why) {
  return {Errc::invalid_argument, fmt::format("the spill directory {} {}", config.spill_directory, why)};
}

Result<void> check_owner(const Config& config, const struct stat& found) {
  if (!S_ISDIR(found.st_mode)) return refused(config, "is no directory");
  if (found.st_uid != ::geteuid())
    return refused(config, fmt::format("belongs to user {}, and the daemon is user {}: use a directory of its own",
                                       found.st_uid, ::geteuid()));
  constexpr mode_t kOthers = 077;
  if ((found.st_mode & kOthers) != 0)
    return refused(config, fmt::format("has mode {:04o}, so other users can read the objects: make it 0700",
                                       found.st_mode & 07777));
  return {};
}

/// A file system in memory would take the memory that spilling is to save.
Result<void> check_file_system(const Config& config, const struct statfs& system) {
  if (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC)
    return refused(config, "is in memory (tmpfs): choose one on a disk");
  constexpr auto kReadOnly = 1;  // ST_RDONLY
  if ((system.f_flags & kReadOnly) != 0) return refused(config, "is on a file system that is mounted read-only");
  return {};
}

std::vector<std::string> doubts(const Config& config, const struct stat& found, const struct statfs& system) {
  std::vector<std::string> warnings;
  const std::uint64_t free = std::uint64_t{system.f_bavail} * static_cast<std::uint64_t>(system.f_bsize);
  if (config.spill_capacity > free)
    warnings.push_back(fmt::format("the spill directory {} may use {}, and its file system has {} free",
                                   config.spill_directory, format_size(config.spill_capacity), format_size(free)));
  struct stat log {};
  if (!config.log_file.empty() && ::stat(fs::path(config.log_file).parent_path().c_str(), &log) == 0 &&
      log.st_dev == found.st_dev)
    warnings.push_back(
        fmt::format("the spill directory {} and the log {} are on one file system: when it is full, the log is not "
                    "written either",
                    config.spill_directory, config.log_file));
  const shm::UniqueFd lock(::open((config.spill_directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC));
  if (lock.valid() && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0)
    warnings.push_back(fmt::format(
        "the spill directory {} is in use: by the daemon that runs, or by a spill process that a hung disk keeps",
        config.spill_directory));
  if (::access(spill_program().c_str(), X_OK) != 0)
    warnings.push_back(
        shm::system_error(fmt::format("execute {}, which does the disk's I/O", spill_program())).message);
  return warnings;
}

}  // namespace

std::string spill_program() {
  return (fs::path(own_program()).parent_path() / "doliumd-spill").string();
}

std::vector<std::string> spill_arguments(const Config& config) {
  if (!config.store.spill) return {};
  return {spill_program(),
          "--socket",
          config.socket_path,
          "--directory",
          config.spill_directory,
          "--capacity",
          std::to_string(config.spill_capacity),
          "--io",
          name_of(config.spill_io)};
}

Result<std::vector<std::string>> check_spill_directory(const Config& config) {
  if (!config.store.spill) return std::vector<std::string>();
  const shm::UniqueFd directory(::open(config.spill_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat found {};
  struct statfs system {};
  if (!directory.valid() || ::fstat(directory.get(), &found) != 0 || ::fstatfs(directory.get(), &system) != 0)
    return refused(config, "cannot be used: " + shm::system_error("open it").message);
  if (auto owner = check_owner(config, found); !owner) return std::move(owner).error();
  if (auto disk = check_file_system(config, system); !disk) return std::move(disk).error();
  return doubts(config, found, system);
}

}  // namespace dolium::daemon
