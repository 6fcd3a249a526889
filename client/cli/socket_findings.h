#pragma once
// What the doctor finds out about the place where clients and daemon meet: does a socket lie there, whose is it, who
// may connect, could others put another one there, and does anybody answer.

#include <sys/types.h>

#include <optional>
#include <string>

#include <dolium/error.h>

#include "client/cli/finding.h"

namespace dolium::cli {

/// What lies at a socket's path, and in what directory.
struct SocketFacts {
  std::string path;
  bool exists = false;
  bool is_socket = false;
  mode_t mode = 0;  ///< permission bits
  uid_t uid = 0;
  gid_t gid = 0;
  /// The first directory on the way that lets only its owner, or a group, pass: not others, not the socket's group.
  std::string closed_to_others = {};
  std::string closed_to_group = {};
  /// The daemon that serves there, as the kernel shows it, if this user may see it here; 0: none that is seen.
  pid_t keeper = 0;
  pid_t server = 0;
  /// A daemon that served there before the socket file, or the lock, was removed or replaced; likewise.
  pid_t lost_keeper = 0;
  bool lock_held = false;  ///< a daemon is there, seen or not
  bool keeper_stopped = false;
  bool answers = false;                 ///< a daemon let this command in
  std::optional<Error> look = {};       ///< why it could not be looked at, other than that it is missing
  std::optional<Error> directory = {};  ///< what is wrong with the directory
  std::optional<Error> refused = {};    ///< why connecting failed
};

/// Looks; does not connect. A daemon that is not there is thought of as this user's.
[[nodiscard]] SocketFacts look_at_socket(const std::string& path);

[[nodiscard]] Findings socket_findings(const SocketFacts& facts);

}  // namespace dolium::cli
