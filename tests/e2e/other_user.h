#pragma once
// Runs code as another user: a child of fork() that changes its user for good, acts, and reports in words.
//
// No account is needed: the kernel knows users by number only, and the numbers below belong to no account. The child
// has the same rights as a process that such a user started: it may be dumped, so it can open /proc/self/fd, and what
// is refused to it would be refused to any such process.

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace dolium::e2e {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups = {};  ///< supplementary
};

inline constexpr User kOwner{61'000, 61'000};     ///< whose daemon it is, where that is not root
inline constexpr User kReader{61'001, 61'001};    ///< somebody whom the configuration names
inline constexpr User kStranger{61'002, 61'002};  ///< and somebody whom it does not

/// Whether this process can be other users: only root can. Says so, once for each test, when it cannot.
[[nodiscard]] bool can_be_others();

/// What `act` returned, in a child that is `user`; what went wrong, when the child could not be that user or `act`
/// threw. Call it from a process with a single thread, or with threads that hold no lock that `act` needs.
[[nodiscard]] std::string as_user(const User& user, const std::function<std::string()>& act);

}  // namespace dolium::e2e
