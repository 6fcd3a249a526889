#include "client/remote/session_link.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <new>

#include "client/remote/connection.h"
#include "shm/os/system_error.h"

namespace dolium::detail {
namespace {

Error no_memory() noexcept {
  try {
    return {Errc::system_error, "Cannot allocate memory"};
  } catch (const std::bad_alloc&) {
    return {Errc::system_error, "no memory"};  // short enough to need none itself
  }
}

}  // namespace

SessionLink::~SessionLink() {
  if (attachment_ != nullptr) forget(*this);
}

void SessionLink::released() noexcept {
  // Fails only when the counter is full: then the daemon has been notified, and has not looked yet.
  static_cast<void>(::eventfd_write(event_.get(), 1));
}

void SessionLink::follow(SessionIdentity record, Attachment& attachment, std::weak_ptr<Connection> connection) {
  record_ = std::move(record);
  attachment_ = &attachment;
  connection_ = std::move(connection);
  follow_forks(*this);
}

bool SessionLink::keep() noexcept {
  // Inherited: by a child that was created without these handlers, and now forks with them.
  if (attachment_->inherited() || !attachment_->keep()) return false;
  kept_connection_ = connection_.lock();
  return true;
}

void SessionLink::before_fork(protocol::Deadline deadline) noexcept {
  attachment_->gate().shut();
  try {
    bequest_ = prepare(deadline);
  } catch (const std::bad_alloc&) {  // no reason for the process to end
    bequest_ = no_memory();
  }
  if (!*bequest_) attachment_->gate().open();  // nothing is left to wait for
}

Result<SessionLink::Bequest> SessionLink::prepare(protocol::Deadline deadline) const {
  Bequest bequest;
  if (kept_connection_ != nullptr) {
    bequest.completions = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    bequest.poll = shm::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!bequest.completions.valid() || !bequest.poll.valid())
      return shm::system_error("make the descriptors of a child");
  }
  Result<Heir> heir = Heir::ask(record_, attachment_->pin_table_bytes(), deadline);
  if (!heir) return std::move(heir).error();
  bequest.heir = *std::move(heir);
  return bequest;
}

void SessionLink::in_parent() noexcept {
  bequest_.reset();  // the child has its own copies of these descriptors
  attachment_->gate().open();
  kept_connection_.reset();
  attachment_->drop_ref();  // may be the end of this
}

bool SessionLink::in_child() noexcept {
  Result<void> taken;
  try {
    taken = *bequest_ ? take_over(*std::move(*bequest_)) : Result<void>(bequest_->error());
  } catch (const std::bad_alloc&) {
    taken = no_memory();
  }
  bequest_.reset();
  attachment_->gate().open();
  const bool follows = taken.has_value();
  if (!follows) attachment_->set_inherited_because(std::move(taken).error().message);
  kept_connection_.reset();
  attachment_->drop_ref();  // may be the end of this, if all went well
  return follows;
}

Result<void> SessionLink::take_over(Bequest bequest) {
  if (attachment_->gate().was_overtaken())
    return Error{Errc::timed_out, "fork() took so long that another thread went on and took references meanwhile"};
  Heir& heir = bequest.heir;
  if (!event_.replace_by(std::move(heir.release_event)) || !socket_->replace_by(std::move(heir.socket)))
    return shm::system_error("put a child's descriptors in its parent's place");
  record_.session_id = heir.session_id;
  record_.fork_token = heir.fork_token;
  Heir::adopt(*socket_);
  if (kept_connection_ != nullptr) {
    auto started = kept_connection_->start_over(heir.session_id, heir.fork_token, std::move(bequest.completions),
                                                std::move(bequest.poll));
    if (!started) return started;
  }
  return attachment_->take_over(
      std::move(heir.pin_table));  // last: from here on the attachment is not inherited any more
}

}  // namespace dolium::detail
