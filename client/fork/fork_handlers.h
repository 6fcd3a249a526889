#pragma once
// Fork handlers: the process's list of followers, and the three handlers of pthread_atfork().
//
// This is the library's only process-wide state, because pthread_atfork() passes its handlers no argument. It is made
// when the first session begins to follow, and is never destroyed: a process may fork while it exits.
//
// Each follower is called in the thread that forks: first before_fork(), then in_parent() in the parent (also when
// fork() failed) and in_child() in the child.
//
// Locks: two threads that fork take turns, from before_fork() to in_parent(). The list itself is locked only briefly.
// If it were locked while other libraries' handlers run, a thread that waits for it might hold a lock that they need.
// So a child may find the list, and any other lock of its parent, in the middle of a change by another thread: it
// begins a new list, and never looks at the old one.

#include "protocol/fd_socket.h"

namespace dolium::detail {

class ForkFollower {
 public:
  /// True: it stays until in_parent() or in_child() has been called. False: it is being destroyed, and is not called.
  /// Must not wait.
  [[nodiscard]] virtual bool keep() noexcept = 0;
  virtual void before_fork(protocol::Deadline deadline) noexcept = 0;
  /// It may be destroyed in here.
  virtual void in_parent() noexcept = 0;
  /// It may be destroyed in here. False: it does not work in this process, and is not called when this process forks.
  [[nodiscard]] virtual bool in_child() noexcept = 0;

 protected:
  ~ForkFollower() = default;
};

/// Maximum time that a daemon that does not answer may delay fork(), for all followers together.
inline constexpr std::chrono::seconds kForkPatience{2};

/// The follower takes part from here to forget().
void follow_forks(ForkFollower& follower);
void forget(ForkFollower& follower) noexcept;

/// Called in a child, for memory that its parent's other threads may have been changing: it is neither used nor
/// destroyed here. It stays reachable, so that a leak checker does not report it.
void abandon_to_parent(const void* what) noexcept;

}  // namespace dolium::detail
