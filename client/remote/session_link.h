#pragma once
// SessionLink: what Objects need of their session: the eventfd that tells the daemon of a release, the connection,
// open as long as anything is held, and the way through fork(). Belongs to the Attachment.
//
// How a child comes to hold what its parent holds:
//
//   before_fork()  the other threads' gets are held back (Attachment::hold_back); the daemon makes a second session,
//                  whose table counts every reference that this process has at that moment
//   in_parent()    lets go of the second session, which is the child's now, and of the threads
//   in_child()     puts that session in the place of the inherited one: its table, and, under the same numbers, its
//                  descriptors; says to the daemon who it is; nothing is waited for
//
// Whatever goes wrong on the way leaves the child with what it has without all this: objects that are no references,
// and a client that refuses everything and says why.

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

  /// From now on children take over. `attachment` owns this; `connection` may go earlier.
  void follow(SessionRecord record, Attachment& attachment, std::weak_ptr<Connection> connection);

 private:
  /// What a child needs that is best made where it may fail.
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
  SessionRecord record_;
  Attachment* attachment_ = nullptr;  // null: does not follow
  std::weak_ptr<Connection> connection_;

  // From keep() to the end of that fork:
  std::shared_ptr<Connection> kept_connection_;  // and a reference to the attachment
  std::optional<Result<Bequest>> bequest_;
};

}  // namespace dolium::detail
