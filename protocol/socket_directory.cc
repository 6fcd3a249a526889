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

#include "protocol/user_namespace.h"
#include "shm/os/system_error.h"

namespace dolium::protocol {
namespace {

namespace fs = std::filesystem;

/// Buffer for the name service's data about a user or group. A group that does not fit is not a private one.
using NameBuffer = std::array<char, 16384>;

/// Whether it is the user's primary group, has the user's name, and has no other members.
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

/// The remedies if a check fails.
constexpr const char* kElse = "choose another --socket, or trust the directory as it is (--trust-socket-directory)";

/// Maximum number of symbolic links on one path, as in the kernel.
constexpr int kMaxLinks = 40;

/// Walks along a path, from "/" on, as written and as links resolve it.
class Way {
 public:
  explicit Way(uid_t daemon, int links = 0) : daemon_(daemon), links_(links) {
    struct stat root {};
    may_be_unmapped_ = ::lstat("/", &root) == 0 && !is_mapped(root.st_uid);
  }

  /// Checks the directory and all above it. Also checks each symbolic link on the way, whose owner could replace it.
  Result<void> check(const fs::path& directory) {
    fs::path here;
    for (const fs::path& name : directory) {
      here /= name;
      if (auto checked = name == ".." ? go_back(here) : enter(here); !checked) return checked;
    }
    return {};
  }

 private:
  Result<void> enter(const fs::path& here) {
    struct stat info {};
    if (::lstat(here.c_str(), &info) != 0) return shm::system_error(fmt::format("look at {}", here.string()));
    if (!is_trusted(here, info)) return stranger(here, info.st_uid);
    if (S_ISLNK(info.st_mode)) return follow(here);
    if (!S_ISDIR(info.st_mode)) return shm::system_error(fmt::format("use {}", here.string()), ENOTDIR);
    if (auto checked = check_mode(here, info); !checked) return checked;
    is_private_ = is_private_ || (is_mapped(info.st_uid) && lets_nobody_pass(info));
    only_owners_write_ = only_owners_write_ && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    return {};
  }

  Result<void> follow(const fs::path& link) {
    if (++links_ > kMaxLinks) return shm::system_error(fmt::format("look at {}", link.string()), ELOOP);
    std::error_code error;
    const fs::path target = fs::read_symlink(link, error);
    if (error) return shm::system_error(fmt::format("look at {}", link.string()), error.value());
    return go_on_from(target.is_absolute() ? target : link.parent_path() / target);
  }

  /// Handles "..": the kernel resolves the links before it.
  Result<void> go_back(const fs::path& here) {
    std::error_code error;
    const fs::path real = fs::canonical(here, error);
    if (error) return shm::system_error(fmt::format("look at {}", here.string()), error.value());
    return go_on_from(real);
  }

  Result<void> go_on_from(const fs::path& elsewhere) {
    Way way(daemon_, links_);
    const Result<void> checked = way.check(elsewhere);
    links_ = way.links_;
    is_private_ = way.is_private_;
    only_owners_write_ = way.only_owners_write_;
    return checked;
  }

  [[nodiscard]] bool is_mapped(uid_t owner) const { return ids_.users.identifies(owner); }

  /// Whether it belongs to root, the daemon's user, or the host's root in a namespace that does not map it.
  [[nodiscard]] bool is_trusted(const fs::path& here, const struct stat& info) const {
    const uid_t owner = info.st_uid;
    if (is_mapped(owner)) return owner == 0 || owner == daemon_;
    return (owner == daemon_ && owns(here, owner)) || (may_be_unmapped_ && only_owners_write_);
  }

  /// Checks that only root and the daemon's user can rename or remove files in the directory. Other users can if they
  /// can reach the directory, may write to it, and it is not sticky.
  [[nodiscard]] Result<void> check_mode(const fs::path& here, const struct stat& info) const {
    if (is_private_ || (info.st_mode & S_ISVTX) != 0) return {};
    if ((info.st_mode & S_IWOTH) != 0)
      return Error{Errc::permission_denied, fmt::format("every user can replace files in {}; remove that permission "
                                                        "(chmod o-w), {}",
                                                        here.string(), kElse)};
    if ((info.st_mode & S_IWGRP) != 0 && !is_own_group(info.st_gid))
      return Error{Errc::permission_denied, fmt::format("group {} can replace files in {}; remove that permission "
                                                        "(chmod g-w), {}",
                                                        info.st_gid, here.string(), kElse)};
    return {};
  }

  [[nodiscard]] bool is_own_group(gid_t group) const {
    return ids_.groups.identifies(group) && (is_private_group(group, daemon_) || is_private_group(group, 0));
  }

  [[nodiscard]] bool lets_nobody_pass(const struct stat& info) const {
    if ((info.st_mode & S_IXOTH) != 0) return false;
    return (info.st_mode & S_IXGRP) == 0 || is_own_group(info.st_gid);
  }

  static Error stranger(const fs::path& what, uid_t owner) {
    return {Errc::permission_denied, fmt::format("{} belongs to {}, who could put another socket there; {}",
                                                 what.string(), name_owner(owner), kElse)};
  }

  const IdMaps ids_ = IdMaps::of_this_process();
  const uid_t daemon_;
  int links_;                      // number of links followed so far
  bool may_be_unmapped_ = false;   // whether "/" belongs to an unmapped user
  bool only_owners_write_ = true;  // true for all directories so far
  bool is_private_ = false;        // whether there was a private ancestor
};

Result<void> check_is_directory(const fs::path& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) return shm::system_error(fmt::format("look at {}", directory.string()));
  return S_ISDIR(info.st_mode) ? Result<void>() : shm::system_error(fmt::format("use {}", directory.string()), ENOTDIR);
}

Result<void> check(const fs::path& directory, DirectoryTrust trust) {
  return trust == DirectoryTrust::check ? Way(::geteuid()).check(directory) : check_is_directory(directory);
}

/// The socket's directory as an absolute path, so that the whole path is checked. ".." stays, because the kernel
/// resolves the links before it.
Result<fs::path> directory_of(const std::string& socket_path) {
  std::error_code error;
  fs::path directory = fs::absolute(socket_path, error).parent_path();
  if (error) return shm::system_error("find the working directory", error.value());
  return directory;
}

}  // namespace

Result<void> prepare_socket_directory(const std::string& socket_path, DirectoryTrust trust) {
  const Result<fs::path> directory = directory_of(socket_path);
  if (!directory) return directory.error();
  if (::mkdir(directory->c_str(), 0700) != 0 && errno != EEXIST)
    return shm::system_error(fmt::format("make the socket's directory {}", directory->string()));
  return check(*directory, trust);
}

Result<void> foresee_socket_directory(const std::string& socket_path, DirectoryTrust trust) {
  const Result<fs::path> directory = directory_of(socket_path);
  if (!directory) return directory.error();
  struct stat info {};
  const bool is_missing = ::lstat(directory->c_str(), &info) != 0 && errno == ENOENT;
  // A missing directory would be created with the right owner and mode: check its parent.
  const fs::path there = is_missing ? directory->parent_path() : *directory;
  if (auto checked = check(there, trust); !checked) return checked;
  if (::faccessat(AT_FDCWD, there.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return shm::system_error(is_missing ? fmt::format("make the socket's directory {}", directory->string())
                                      : fmt::format("make a socket in {}", there.string()));
}

Result<void> check_socket_directory(const std::string& socket_path, uid_t daemon) {
  const Result<fs::path> directory = directory_of(socket_path);
  if (!directory) return directory.error();
  return Way(daemon).check(*directory);
}

}  // namespace dolium::protocol
