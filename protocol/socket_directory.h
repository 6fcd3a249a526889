#pragma once
// Checks the directory of the daemon's socket.
//
// A user that can rename files in that directory, or in one above it, can replace the socket, and clients would talk to
// that user's program. Such users are the directory's owner, and all users that its mode lets write, unless it is
// sticky. In a directory like /tmp, where all users may create files but only owners may remove them, the danger is a
// user who was there first. So no part of the path, as written and as links resolve it, may belong to a foreign user or
// be writable for one.
//
// A private ancestor is a directory of the daemon's user, or of root, that no other user can enter. The modes of
// directories below it do not matter, because no other user gets there by this path.
//
// In a user namespace whose "/" belongs to an unmapped user (Apptainer, bubblewrap), the host's root is not mapped, and
// its directories look like those of any unmapped user. Such a directory is trusted as the host's root's if only the
// owners of the directories above it, up to "/", could have put it there.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include <dolium/result.h>

namespace dolium::protocol {

/// Whether to check owners and modes along the path to the socket. `as_it_is` trusts the directory: then any user who
/// can rename files there can replace the socket (doliumd --trust-socket-directory).
enum class DirectoryTrust : std::uint8_t { check, as_it_is };

/// Creates the socket's parent directory with mode 0700 if it is missing; its own parent must exist. Then checks it:
/// check_socket_directory() for this user, or, with as_it_is, only that it is a directory. system_error if it cannot be
/// created.
[[nodiscard]] Result<void> prepare_socket_directory(const std::string& socket_path,
                                                    DirectoryTrust trust = DirectoryTrust::check);

/// Predicts the result of prepare_socket_directory(), and whether this user can create a socket there. Creates nothing.
[[nodiscard]] Result<void> foresee_socket_directory(const std::string& socket_path,
                                                    DirectoryTrust trust = DirectoryTrust::check);

/// Checks the path for a daemon of user `daemon`. permission_denied if a part of the path belongs to neither that user
/// nor root, or if other users can rename files in it: all users, or a group with other members (a private group with
/// the user's own name, as on Debian, is accepted). system_error if it is not a directory.
[[nodiscard]] Result<void> check_socket_directory(const std::string& socket_path, uid_t daemon);

}  // namespace dolium::protocol
