#pragma once
// What happens around fork(): the process's list of those who take part, and pthread_atfork()'s three handlers.
//
// This is the library's one piece of process-wide state, because pthread_atfork() hands its handlers nothing. It
// is made when the first session begins to follow, and never destroyed: a process may fork while it exits.
//
// Each who takes part is called in the thread that forks: before_fork(), and then, by which nobody is called twice,
// in_parent() there (also when fork() failed) and in_child() here. Locks: two threads that fork take turns, from
// before_fork() to in_parent(). The list itself is locked for moments only: a thread that waited for it while other
// libraries' handlers run might have what they wait for. Hence a child finds the list, and any other lock of its
// parent's, in whatever state other threads left it in: it begins a new list, and never looks at the old one.

#include "protocol/fd_socket.h"

namespace dolium::detail {

class ForkFollower {
 public:
  /// False: it is going, leave it alone. True: it stays until one of the last two has been called. Must not wait.
  [[nodiscard]] virtual bool keep() noexcept = 0;
  virtual void before_fork(protocol::Deadline deadline) noexcept = 0;
  /// It may be destroyed in here.
  virtual void in_parent() noexcept = 0;
  /// Likewise. False: it is of no use in this process, and not asked again when it forks.
  [[nodiscard]] virtual bool in_child() noexcept = 0;

 protected:
  ~ForkFollower() = default;
};

/// How long fork() may be held up by a daemon that does not answer, all followers together.
inline constexpr std::chrono::seconds kForkPatience{2};

/// From here to forget() it takes part.
void follow_forks(ForkFollower& follower);
void forget(ForkFollower& follower) noexcept;

/// For a child: what its parent's other threads may have been changing is neither used nor destroyed here. It is kept
/// in sight, so that a leak checker does not take it for lost.
void abandon_to_parent(const void* what) noexcept;

}  // namespace dolium::detail
