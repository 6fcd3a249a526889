// What a Connection does when the daemon's server has died or was replaced. All of it is done by the leader; the other
// threads wait for their replies as usual. See connection.h, and HelloRequest.resume_of in messages.fbs.

#include <sys/epoll.h>

#include <new>

#include "client/remote/connection.h"
#include "shm/os/system_error.h"

namespace dolium::detail {

/// The leader finds the end of the old connection, and continues over another one.
void Connection::go_to_successor() {
  successions_met_.store(attachment_->index().successions(), std::memory_order_relaxed);
  while (exchange().try_read()) {
  }
}

/// Not when the daemon said goodbye or the store is gone; not in a child, whose connection it is not.
bool Connection::may_resume() const {
  if (attachment_->inherited() || closing_ || record_.fork_token == 0 || exchange().gone_for_good()) return false;
  const auto lock = exchange().lock();
  return !exchange().heard_goodbye() && !exchange().failed();
}

void Connection::lost(const Error& error) {
  if (!may_resume()) return exchange().fail(error);
  Result<Welcome> next = resume_session(record_, wants_rings_, protocol::deadline_after(kResumePatience));
  const Result<void> resumed = next ? go_on_over(*std::move(next)) : Result<void>(next.error());
  if (!resumed) exchange().fail({Errc::disconnected, error.message + "; " + resumed.error().message});
}

Result<void> Connection::go_on_over(Welcome next) {
  std::vector<std::shared_ptr<Call>> unknown;
  bool short_of_memory = false;
  {
    Transport& transport = exchange().transport();
    const auto writing = transport.lock_writing();
    // An epoll watches what is open, not its number; a forked child may keep the old one open.
    ::epoll_ctl(poll_fd_.get(), EPOLL_CTL_DEL, socket_->get(), nullptr);
    if (!socket_->replace_by(std::move(next.socket))) return shm::system_error("put a connection in another's place");
    if (auto watched = watch(socket_->get()); !watched) return watched;
    transport.begin(std::move(next.reader), std::move(next.rings));
    try {
      ask_again(unknown);
    } catch (const std::bad_alloc&) {  // the calls that were taken out must still be answered
      short_of_memory = true;
    }
    exchange().begin_epoch();
  }
  const Error lost{Errc::disconnected,
                   "the daemon's server has died, or was replaced, and another goes on with its objects; whether this "
                   "request was carried out is not known: look (exists, metadata) before you repeat it"};
  for (const std::shared_ptr<Call>& call : unknown) short_of_memory |= !exchange().answer(call, lost);
  if (short_of_memory) throw std::bad_alloc();
  completions_.poke();
  exchange().flush(Exchange::Patience::none);
  return {};
}

/// Repeats what is idempotent, and gives up the objects whose creation has an unknown outcome. Adds the calls of
/// unknown outcome. Under write_mutex.
void Connection::ask_again(std::vector<std::shared_ptr<Call>>& unknown) const {
  const auto lock = exchange().lock();
  deferred_puts().lose();
  events().subscribe_again();
  exchange().ask_again(unknown);
  for (const std::shared_ptr<Call>& call : unknown) {
    if (!call->creating) continue;
    protocol::AbortRequestT abort;
    abort.id = protocol::to_wire_pointer(*call->creating);
    abort.abandoned = true;
    abort.spared = extents().of(*call->creating);
    exchange().queue(abort);
  }
}

}  // namespace dolium::detail
