#include "protocol/socket_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string_view>

#include "shm/system_error.h"

namespace dolium::protocol {
namespace {

namespace fs = std::filesystem;

/// What the name services tell of one user or group; more than this is no private group.
using NameBuffer = std::array<char, 16384>;

/// The user's first group, of the user's name, and nobody else in it.
bool is_private_group(gid_t gid, uid_t uid) {
  NameBuffer user_text, group_text;
  passwd user{};
  group members{};
  passwd* found_user = nullptr;
  group* found_group = nullptr;
  if (::getpwuid_r(uid, &user, user_text.data(), user_text.size(), &found_user) != 0 || found_user == nullptr ||
      ::getgrgid_r(gid, &members, group_text.data(), group_text.size(), &found_group) != 0 || found_group == nullptr)
    return false;
  const std::string_view name = user.pw_name;
  if (user.pw_gid != gid || name != members.gr_name) return false;
  for (char** member = members.gr_mem; *member != nullptr; ++member)
    if (name != *member) return false;
  return true;
}

Error stranger(const fs::path& what, uid_t owner) {
  return {Errc::permission_denied,
          fmt::format("{} belongs to user {}, who could put another socket there; choose another "
                      "--socket",
                      what.string(), owner)};
}

/// Nobody but root and the daemon's user can rename or remove what lies in it: its owner could, sticky or not; others
/// could where they may write, if it is not sticky.
Result<void> check_directory(const fs::path& directory, uid_t daemon) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) return shm::system_error(fmt::format("look at {}", directory.string()));
  if (!S_ISDIR(info.st_mode)) return shm::system_error(fmt::format("use {}", directory.string()), ENOTDIR);
  if (info.st_uid != 0 && info.st_uid != daemon) return stranger(directory, info.st_uid);
  if ((info.st_mode & S_ISVTX) != 0) return {};
  if ((info.st_mode & S_IWOTH) != 0)
    return Error{Errc::permission_denied, fmt::format("everybody can replace files in {}; take that permission "
                                                      "away (chmod o-w) or choose another --socket",
                                                      directory.string())};
  if ((info.st_mode & S_IWGRP) != 0 && !is_private_group(info.st_gid, daemon) && !is_private_group(info.st_gid, 0))
    return Error{Errc::permission_denied, fmt::format("group {} can replace files in {}; take that permission away "
                                                      "(chmod g-w) or choose another --socket",
                                                      info.st_gid, directory.string())};
  return {};
}

/// The directory and all above it. A symbolic link on the way belongs to who may put another in its place.
Result<void> check_way(const fs::path& directory, uid_t daemon) {
  fs::path here;
  for (const fs::path& name : directory) {
    here /= name;
    struct stat info {};
    if (::lstat(here.c_str(), &info) != 0) return shm::system_error(fmt::format("look at {}", here.string()));
    if (info.st_uid != 0 && info.st_uid != daemon) return stranger(here, info.st_uid);
    if (auto checked = check_directory(here, daemon); !checked) return checked;
  }
  return {};
}

/// As it is written, and as links lead it.
Result<void> check_ways(const fs::path& directory, uid_t daemon) {
  if (auto checked = check_way(directory, daemon); !checked) return checked;
  std::error_code error;
  const fs::path real = fs::canonical(directory, error);
  if (error) return shm::system_error(fmt::format("look at {}", directory.string()), error.value());
  return check_way(real, daemon);
}

/// Made absolute, so that the check sees the whole path. ".." stays: the kernel follows links before it.
Result<fs::path> directory_of(const std::string& socket_path) {
  std::error_code error;
  fs::path directory = fs::absolute(socket_path, error).parent_path();
  if (error) return shm::system_error("find the working directory", error.value());
  return directory;
}

}  // namespace

Result<void> prepare_socket_directory(const std::string& socket_path) {
  const Result<fs::path> directory = directory_of(socket_path);
  if (!directory) return directory.error();
  if (::mkdir(directory->c_str(), 0700) != 0 && errno != EEXIST)
    return shm::system_error(fmt::format("make the socket's directory {}", directory->string()));
  return check_socket_directory(socket_path, ::geteuid());
}

Result<void> foresee_socket_directory(const std::string& socket_path) {
  const Result<fs::path> directory = directory_of(socket_path);
  if (!directory) return directory.error();
  struct stat info {};
  const bool is_missing = ::lstat(directory->c_str(), &info) != 0 && errno == ENOENT;
  // What we would make there is nobody else's.
  const fs::path there = is_missing ? directory->parent_path() : *directory;
  if (auto checked = check_ways(there, ::geteuid()); !checked) return checked;
  if (::faccessat(AT_FDCWD, there.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return shm::system_error(is_missing ? fmt::format("make the socket's directory {}", directory->string())
                                      : fmt::format("make a socket in {}", there.string()));
}

Result<void> check_socket_directory(const std::string& socket_path, uid_t daemon) {
  const Result<fs::path> directory = directory_of(socket_path);
  if (!directory) return directory.error();
  return check_ways(*directory, daemon);
}

}  // namespace dolium::protocol
