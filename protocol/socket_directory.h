#pragma once
// The directory that the daemon's socket lies in.
//
// Whoever can rename in that directory, or in one above it, can put another socket in our place, and clients would talk
// to it: its owner, and whom its mode lets write, if it is not sticky. In a directory like /tmp, where everybody may
// create but only owners may remove, the danger is somebody who was there first. So nothing on the path, as it is
// written and as links lead it, may be a stranger's, or a stranger's to write.
//
// A private ancestor: a directory of the daemon's user, or root's, that lets no other user pass. The modes of what lies
// below it do not matter: no other user gets there by this path.
//
// A user namespace whose "/" belongs to an unmapped user (Apptainer, bubblewrap): the host's root is not mapped there,
// and its directories look like those of any unmapped user. One is taken for the host's root's if only the owners of
// the directories above it, up to "/", could have put it there.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include <dolium/result.h>

namespace dolium::protocol {

/// Whether owners and modes on the way to a socket are checked, or its directory is taken as it is: then whoever may
/// rename there can put a socket of their own in our place (doliumd --trust-socket-directory).
enum class DirectoryTrust : std::uint8_t { check, as_it_is };

/// Makes the socket's parent directory, 0700, when it is missing; its own parent must exist. Then it must pass
/// check_socket_directory() for this user, or be a directory; system_error when it cannot be made.
[[nodiscard]] Result<void> prepare_socket_directory(const std::string& socket_path,
                                                    DirectoryTrust trust = DirectoryTrust::check);

/// What prepare_socket_directory() would say now, and whether this user could make a socket there. Makes nothing.
[[nodiscard]] Result<void> foresee_socket_directory(const std::string& socket_path,
                                                    DirectoryTrust trust = DirectoryTrust::check);

/// For a daemon of user `daemon`: permission_denied when a part of the path belongs to neither that user nor root, or
/// lets others rename in it: everybody, or a group that is more than one of the two (a private group of the user's own
/// name, as Debian makes them, is not); system_error when it is no directory.
[[nodiscard]] Result<void> check_socket_directory(const std::string& socket_path, uid_t daemon);

}  // namespace dolium::protocol
