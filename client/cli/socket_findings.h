#pragma once
// The doctor's findings about the socket: whether it exists, which user owns it, which users may connect, whether other
// users could replace it, and whether a daemon answers.

#include <sys/types.h>

#include <optional>
#include <string>

#include <dolium/error.h>

#include "client/cli/finding.h"

namespace dolium::cli {

/// Facts about a socket's path, its directory and its daemon.
struct SocketFacts {
  std::string path;
  bool exists = false;
  bool is_socket = false;
  mode_t mode = 0;  ///< permission bits
  uid_t uid = 0;
  gid_t gid = 0;
  /// The first directory on the path that other users cannot enter; and the first that the socket's group cannot enter.
  std::string closed_to_others = {};
  std::string closed_to_group = {};
  /// The daemon that serves there, according to the kernel; 0: none is visible to this user.
  pid_t keeper = 0;
  pid_t server = 0;
  /// A daemon that served there before the socket file or the lock was removed or replaced; 0: none is visible.
  pid_t lost_keeper = 0;
  bool lock_held = false;  ///< a daemon is there, visible or not
  bool keeper_stopped = false;
  bool answers = false;                 ///< a daemon accepted this command's connection
  std::optional<Error> look = {};       ///< why the path could not be examined, unless it is missing
  std::optional<Error> directory = {};  ///< what is wrong with the directory
  std::optional<Error> refused = {};    ///< why connecting failed
};

/// Examines the path without connecting. If there is no socket, assumes that the daemon would run as this user.
[[nodiscard]] SocketFacts look_at_socket(const std::string& path);

[[nodiscard]] Findings socket_findings(const SocketFacts& facts);

}  // namespace dolium::cli
