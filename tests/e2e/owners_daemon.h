#pragma once
// A daemon that runs as its own user, kOwner, as under systemd. Root starts and stops it, and tests access it as other
// users (other_user.h).

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/daemon_fixture.h"

namespace dolium::e2e {

/// A group of the daemon's owner, who can hand the socket to it.
inline constexpr gid_t kStaff = 61'010;

/// Whether this process can be other users, and those can start doliumd. Says so, once for each test, when not.
[[nodiscard]] bool have_users();

/// The command that runs doliumd as kOwner.
[[nodiscard]] std::vector<std::string> owners_command(const std::filesystem::path& socket,
                                                      const std::vector<std::string>& flags = {});

/// A directory that is kOwner's, and open to all.
class OwnersDirectory {
 public:
  OwnersDirectory();
  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }
  [[nodiscard]] std::filesystem::path socket() const { return path() / "dolium.sock"; }

 private:
  TemporaryDirectory directory_;
};

/// With one object in it from the start.
class OwnersDaemon {
 public:
  explicit OwnersDaemon(std::vector<std::string> flags);
  OwnersDaemon(const OwnersDaemon&) = delete;
  OwnersDaemon& operator=(const OwnersDaemon&) = delete;
  ~OwnersDaemon();

  [[nodiscard]] std::string socket() const { return directory_.socket().string(); }
  [[nodiscard]] std::filesystem::path log() const { return directory_.path() / "log"; }
  /// Ways into either of its processes.
  [[nodiscard]] std::string ways_in() const;
  [[nodiscard]] ObjectStore& root() { return *root_; }
  /// The object that was there from the start is found, and not a byte of it has changed.
  [[nodiscard]] bool is_intact();

 private:
  bool connected();

  OwnersDirectory directory_;
  Process process_;  // the keeper
  pid_t server_ = 0;
  std::shared_ptr<Client> root_;
};

}  // namespace dolium::e2e
