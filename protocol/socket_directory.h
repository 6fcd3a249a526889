#pragma once
// The directory that the daemon's socket lies in.
//
// Whoever can rename in that directory can put another socket in our place, and clients would talk to it. In a
// directory like /tmp, where everybody may create but only owners may remove (the sticky bit), the danger is
// somebody who was there first. So nothing on the path may be such a somebody's.

#include <sys/types.h>

#include <string>

#include <dolium/result.h>

namespace dolium::protocol {

/// Makes the socket's parent directory, 0700, when it is missing; its own parent must exist. Then it must pass
/// check_socket_directory() for this user; system_error when it cannot be made.
[[nodiscard]] Result<void> prepare_socket_directory(const std::string& socket_path);

/// For a daemon of user `daemon`: permission_denied when part of the path lies in a sticky directory and belongs to
/// neither that user nor root, or when the parent lets others rename in it: everybody, or a group that is more than
/// that user (a private group of the user's own name, as Debian makes them, is not); system_error when it is no
/// directory.
[[nodiscard]] Result<void> check_socket_directory(const std::string& socket_path, uid_t daemon);

}  // namespace dolium::protocol
