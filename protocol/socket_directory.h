#pragma once
// The directory that the daemon's socket lies in.
//
// Whoever can rename in that directory, or in one above it, can put another socket in our place, and clients would talk
// to it: its owner, and whom its mode lets write, if it is not sticky. In a directory like /tmp, where everybody may
// create but only owners may remove, the danger is somebody who was there first. So nothing on the path, as it is
// written and as links lead it, may be a stranger's, or a stranger's to write.

#include <sys/types.h>

#include <string>

#include <dolium/result.h>

namespace dolium::protocol {

/// Makes the socket's parent directory, 0700, when it is missing; its own parent must exist. Then it must pass
/// check_socket_directory() for this user; system_error when it cannot be made.
[[nodiscard]] Result<void> prepare_socket_directory(const std::string& socket_path);

/// What prepare_socket_directory() would say now, and whether this user could make a socket there. Makes nothing.
[[nodiscard]] Result<void> foresee_socket_directory(const std::string& socket_path);

/// For a daemon of user `daemon`: permission_denied when a part of the path belongs to neither that user nor root, or
/// lets others rename in it: everybody, or a group that is more than one of the two (a private group of the user's own
/// name, as Debian makes them, is not); system_error when it is no directory.
[[nodiscard]] Result<void> check_socket_directory(const std::string& socket_path, uid_t daemon);

}  // namespace dolium::protocol
