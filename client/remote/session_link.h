#pragma once
// SessionLink: the parts of a session that Objects need: the eventfd that tells the daemon of a release; the
// connection, which stays open as long as an Object lives; and the way through fork(). The Attachment owns it.
//
// How a child comes to hold its parent's objects:
//
//   before_fork()  delays the gets of other threads (Attachment::hold_back); the daemon makes a second session, whose
//                  table counts every reference that this process has at that moment
//   in_parent()    closes the second session, which is the child's now, and lets the threads go on
//   in_child()     replaces the inherited session by the second one: its table, and, under the same numbers, its
//                  descriptors; tells the daemon the child's process id; waits for nothing
//
// If any of this fails, the child has objects that do not count as references, and a client that refuses every call and
// says why.

#include <memory>
#include <optional>

#include "client/fork/fork_handlers.h"
#include "client/mapped/attachment.h"
#include "client/remote/heir.h"

namespace dolium::detail {

class Connection;

class SessionLink final : public ReleaseListener, private ForkFollower {
 public:
  SessionLink(shm::UniqueFd event, std::shared_ptr<shm::UniqueFd> socket)
      : event_(std::move(event)), socket_(std::move(socket)) {}
  ~SessionLink() override;
  void released() noexcept override;

  /// From now on children take over the session. `attachment` owns this; `connection` may be destroyed earlier.
  void follow(SessionIdentity record, Attachment& attachment, std::weak_ptr<Connection> connection);

 private:
  /// What a child needs. The parent makes it, because there it may fail.
  struct Bequest {
    Heir heir;
    shm::UniqueFd completions;  // these two only for a connection
    shm::UniqueFd poll;
  };

  bool keep() noexcept override;
  void before_fork(protocol::Deadline deadline) noexcept override;
  void in_parent() noexcept override;
  bool in_child() noexcept override;
  [[nodiscard]] Result<Bequest> prepare(protocol::Deadline deadline) const;
  [[nodiscard]] Result<void> take_over(Bequest bequest);

  shm::UniqueFd event_;
  std::shared_ptr<shm::UniqueFd> socket_;
  SessionIdentity record_;
  Attachment* attachment_ = nullptr;  // null: does not follow
  std::weak_ptr<Connection> connection_;

  // From keep() to the end of that fork:
  std::shared_ptr<Connection> kept_connection_;  // and a reference to the attachment
  std::optional<Result<Bequest>> bequest_;
};

}  // namespace dolium::detail
