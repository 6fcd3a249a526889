#pragma once
// The directory that the daemon's socket lies in.
//
// Whoever can rename in that directory can put another socket in our place, and clients would talk to it. In a
// directory like /tmp, where everybody may create but only owners may remove (the sticky bit), the danger is
// somebody who was there first. So nothing on the path may be such a somebody's.

#include <string>

#include <dolium/result.h>

namespace dolium::daemon {

/// Makes the socket's parent directory, 0700, when it is missing; its own parent must exist. permission_denied
/// when part of the path lies in a sticky directory and belongs to neither this user nor root, or when the
/// parent lets everybody rename in it; system_error when it cannot be made or is no directory.
[[nodiscard]] Result<void> prepare_socket_directory(const std::string& socket_path);

}  // namespace dolium::daemon
