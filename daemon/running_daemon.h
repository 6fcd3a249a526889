#pragma once
// RunningDaemon: another doliumd, found by its socket's path (protocol/socket_owner.h), as `doliumd --replace` sees it.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include <dolium/result.h>

#include "shm/unique_fd.h"

namespace dolium::daemon {

class RunningDaemon {
 public:
  /// How long a successor may take until it serves.
  static constexpr std::chrono::seconds kPatience{30};

  /// disconnected when no daemon holds the socket; permission_denied when it is another user's.
  [[nodiscard]] static Result<RunningDaemon> find(const std::string& socket_path);

  /// Its command line, from the program's name on; and where relative paths in it begin.
  [[nodiscard]] Result<std::vector<std::string>> command() const;
  [[nodiscard]] std::string working_directory() const;

  /// Asks the keeper for another server, and waits until that serves: its pid. timed_out when the old one goes on: the
  /// keeper found something against a successor, and its log says what.
  [[nodiscard]] Result<pid_t> replace_server();

 private:
  RunningDaemon() = default;

  std::string lock_path_;
  pid_t keeper_ = 0;
  pid_t server_ = 0;
  shm::UniqueFd keeper_handle_;  // pidfd
};

}  // namespace dolium::daemon
