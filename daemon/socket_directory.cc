#include "daemon/socket_directory.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "shm/system_error.h"

namespace dolium::daemon {
namespace {

namespace fs = std::filesystem;

bool is_sticky(const fs::path& directory) {
  struct stat info {};
  return ::stat(directory.c_str(), &info) == 0 && (info.st_mode & S_ISVTX) != 0;
}

/// lstat(): a symbolic link in /tmp belongs to who made it, whatever it points to.
Result<void> check_owners(const fs::path& directory) {
  fs::path parent;
  for (const fs::path& name : directory) {
    const fs::path here = parent / name;
    struct stat info {};
    if (::lstat(here.c_str(), &info) != 0) return shm::system_error(fmt::format("look at {}", here.string()));
    if (is_sticky(parent) && info.st_uid != 0 && info.st_uid != ::geteuid())
      return Error{Errc::permission_denied,
                   fmt::format("{} belongs to user {}, who could put another socket there; choose another --socket",
                               here.string(), info.st_uid)};
    parent = here;
  }
  return {};
}

Result<void> check_mode(const fs::path& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) return shm::system_error(fmt::format("look at {}", directory.string()));
  if (!S_ISDIR(info.st_mode)) return shm::system_error(fmt::format("use {}", directory.string()), ENOTDIR);
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0)
    return Error{Errc::permission_denied, fmt::format("everybody can replace files in {}; take that permission "
                                                      "away (chmod o-w) or choose another --socket",
                                                      directory.string())};
  return {};
}

}  // namespace

Result<void> prepare_socket_directory(const std::string& socket_path) {
  // Made absolute, so that the check sees the whole path. ".." stays: the kernel follows links before it.
  std::error_code error;
  const fs::path directory = fs::absolute(socket_path, error).parent_path();
  if (error) return shm::system_error("find the working directory", error.value());
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return shm::system_error(fmt::format("make the socket's directory {}", directory.string()));
  return check_owners(directory).and_then([&] { return check_mode(directory); });
}

}  // namespace dolium::daemon
