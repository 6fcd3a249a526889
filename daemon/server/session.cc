#include "daemon/server/session.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "protocol/convert.h"
#include "protocol/peer.h"
#include "shm/os/system_error.h"

namespace dolium::daemon {

using protocol::ReadState;

namespace {

/// Whether the descriptor is in one of these states now.
bool happens(int fd, short states) {
  pollfd probe{fd, states, 0};
  return shm::retry_interrupted([&] { return ::poll(&probe, 1, 0); }) > 0 && (probe.revents & states) != 0;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(EventLoop& loop, Host& host, SessionRecord record) {
  std::unique_ptr<Session> session(new Session(loop, host, std::move(record)));
  if (auto watched = session->watch_socket(UV_READABLE); !watched) return std::move(watched).error();
  return session;
}

Session::Session(EventLoop& loop, Host& host, SessionRecord record)
    : loop_(loop), host_(host), record_(std::move(record)), wire_(record_.socket.get()) {}

Result<void> Session::watch_socket(int events) {
  Result<Poll> poll = Poll::create(loop_, record_.socket.get(), [this](int happened) { on_socket(happened); });
  if (!poll) return std::move(poll).error();
  socket_poll_ = *std::move(poll);
  socket_poll_->watch(events);
  return {};
}

Result<void> Session::watch_process(shm::UniqueFd process) {
  Result<Poll> poll = Poll::create(loop_, process.get(), [this](int) { end(); });
  if (!poll) return std::move(poll).error();
  record_.process = std::move(process);
  process_poll_ = *std::move(poll);
  process_poll_->watch(UV_READABLE);
  return {};
}

// ---- out ----

void Session::queued(const Result<void>& pushed) {
  // Replies are bounded by what was asked, and asking stops at kMaxUnsentBytes: the queue cannot be full.
  if (!pushed)
    misbehaved(pushed.error());
  else
    host_.on_dirty(*this);
}

void Session::reply_error(std::uint64_t request_id, const Error& error) {
  reply(request_id, protocol::to_wire(error));
}

void Session::reply_outcome(std::uint64_t request_id, const Result<void>& outcome) {
  if (outcome)
    reply(request_id, protocol::DoneReplyT());
  else
    reply_error(request_id, outcome.error());
}

void Session::pump(bool events_wait) {
  if (state_ == State::ended || is_silent()) return;
  const Result<bool> flushed = wire_.flush();
  if (!flushed) {  // the peer has gone, has damaged its rings, or the system fails
    if (flushed.error().code == Errc::disconnected)
      on_end_of_stream();
    else
      misbehaved(flushed.error());
    return;
  }
  if (state_ == State::leaving) {
    if (*flushed)
      end();
    else
      socket_poll_->watch(UV_WRITABLE);
    return;
  }
  if (!is_deaf()) take_requests();  // requests that were read before
  if (!listens()) return;
  if (wire_.has_rings()) {  // only bells come through the socket
    socket_poll_->watch(UV_READABLE);
    if (!is_deaf()) host_.on_awake(*this);
    if (events_wait && *flushed) host_.on_dirty(*this);
    return;
  }
  const bool more = events_wait || wire_.unsent_bytes() != 0;
  const int input = paused_ ? Poll::kHangUp : wire_.is_full() ? 0 : UV_READABLE;
  socket_poll_->watch(input | (more ? UV_WRITABLE : 0));
}

// ---- in ----

void Session::on_socket(int events) {
  if (is_silent()) {
    end();  // only a hang-up is watched
    return;
  }
  // While no requests are taken, "readable" is only a bell, or an error, which the next write returns.
  const bool through_rings = wire_.has_rings();
  if ((events & UV_WRITABLE) != 0 || wire_.is_full() || through_rings) host_.on_dirty(*this);
  // A hang-up is all that is watched while puts wait, and comes as itself where nothing is left unread.
  if ((events & (UV_READABLE | Poll::kHangUp)) == 0 || !listens()) return;
  if (!is_deaf())
    read_requests(protocol::Channel::Look::everywhere);
  else if (through_rings)
    take_bells_while_paused();
  else if (paused_ && happens(record_.socket.get(), POLLHUP | POLLERR))
    end();
}

bool Session::read_requests(protocol::Channel::Look look) {
  const Result<ReadState> read = wire_.read(look);
  take_requests();
  if (!listens()) return true;
  if (!read) {
    misbehaved(read.error());
  } else if (*read == ReadState::end_of_file) {
    on_end_of_stream();
  }
  return !read || *read != ReadState::would_block;
}

void Session::take_bells_while_paused() {
  const Result<ReadState> bells = wire_.take_bells();
  if (!bells || *bells == ReadState::end_of_file) on_end_of_stream();
}

bool Session::poll() {
  if (!listens() || is_deaf() || !wire_.ring_has_bytes()) return false;
  return read_requests(protocol::Channel::Look::ring_only);
}

bool Session::rest() {
  return !listens() || is_deaf() || wire_.may_sleep();
}

void Session::take_requests() {
  while (listens() && !is_deaf()) {
    const auto payload = wire_.next();
    if (!payload) return;
    const auto request = protocol::decode<protocol::RequestFrame>(*payload);
    if (!request) {
      misbehaved(request.error());
      return;
    }
    host_.on_request(*this, **request);
  }
}

void Session::on_end_of_stream() {
  const bool hung_up = happens(record_.socket.get(), POLLHUP | POLLERR);
  if (hung_up || !attached())
    end();
  else
    silence(State::half_closed);
}

// ---- ends ----

void Session::open(shm::ClientId client, Access access, std::string name, shm::UniqueFd release_event,
                   std::uint64_t fork_token) {
  record_.client = client;
  record_.access = access;
  record_.name = std::move(name);
  record_.token = fork_token;
  record_.release_event = std::move(release_event);
  state_ = State::open;
  if (auto watched = watch_release_event(); !watched) misbehaved(watched.error());
}

/// Bound to the host, not to this session: replace() moves the watch to another session, with the descriptor.
Result<void> Session::watch_release_event() {
  Result<Poll> poll =
      Poll::create(loop_, record_.release_event.get(), [host = &host_, event = record_.release_event.get()](int) {
        // Not eventfd_read(): whether that blocks is a flag of the open file, which the client can change.
        eventfd_t count = 0;
        const iovec into{&count, sizeof(count)};
        static_cast<void>(::preadv2(event, &into, 1, -1, RWF_NOWAIT));  // a failure costs one more call
        host->on_release();
      });
  if (!poll) return std::move(poll).error();
  release_poll_ = *std::move(poll);
  release_poll_->watch(UV_READABLE);
  return {};
}

Result<std::unique_ptr<Session>> Session::orphan(EventLoop& loop, Host& host, SessionRecord record) {
  std::unique_ptr<Session> session(new Session(loop, host, std::move(record)));
  session->state_ = State::orphaned;
  if (auto watched = session->watch_socket(Poll::kHangUp); !watched) return std::move(watched).error();
  SessionRecord& own = session->record_;
  if (own.process.valid())
    if (auto watched = session->watch_process(std::move(own.process)); !watched) return std::move(watched).error();
  if (auto watched = session->watch_release_event(); !watched) return std::move(watched).error();
  // If the peer has closed its half already, closing this one would look like a hang-up.
  if (!happens(own.socket.get(), POLLHUP | POLLERR | POLLRDHUP)) ::shutdown(own.socket.get(), SHUT_WR);
  return session;
}

/// The connection and the process are the new ones, everything else is the orphan's.
void Session::replace(Session& orphan) {
  SessionRecord& before = orphan.record_;
  record_.client = std::exchange(before.client, 0);
  record_.attached = before.attached;
  record_.token = before.token;
  record_.access = before.access;
  record_.name = std::move(before.name);
  record_.release_event = std::move(before.release_event);
  release_poll_ = std::exchange(orphan.release_poll_, std::nullopt);
  state_ = State::open;
  orphan.end();
}

void Session::hear_no_more() {
  if (state_ == State::open) silence(State::half_closed);
}

void Session::await_adoption() {
  if (auto asked = protocol::report_senders(record_.socket.get()); !asked) {
    misbehaved(asked.error());
    return;
  }
  state_ = State::unadopted;
}

void Session::adopt(pid_t pid, shm::UniqueFd process) {
  state_ = State::open;
  if (pid > 0) {
    record_.peer.credentials.pid = pid;
    record_.peer.command = protocol::command_of(pid);
  }
  if (!process.valid()) return;
  if (auto watched = watch_process(std::move(process)); !watched) misbehaved(watched.error());
}

void Session::leave() {
  const bool had_its_chance = state_ == State::leaving;
  if (had_its_chance || is_silent()) {
    end();
  } else if (state_ != State::ended) {
    state_ = State::leaving;
    host_.on_dirty(*this);
  }
}

void Session::refuse_hello(std::uint64_t request_id, const Error& why) {
  host_.on_refused(*this, why);
  reply_error(request_id, why);
  leave();
}

void Session::refuse(const Error& why) {
  wire_.drop_unsent();
  say_goodbye(why);
  end();
}

void Session::misbehaved(const Error& what) {
  if (!listens()) return;
  record_.token = 0;  // before the host stores the record: the client must not resume it with the next server
  host_.on_misbehaviour(*this, what);
  say_goodbye(what);
  if (attached())
    silence(State::quarantined);
  else
    end();
}

void Session::say_goodbye(const Error& why) {
  protocol::GoodbyeNoticeT goodbye;
  goodbye.reason = why.message;
  if (wire_.push(0, goodbye)) static_cast<void>(wire_.flush());  // if there is room for it
  ::shutdown(record_.socket.get(), SHUT_WR);
}

void Session::silence(State state) {
  state_ = state;
  socket_poll_->watch(Poll::kHangUp);
  host_.on_silenced(*this);
}

void Session::end() {
  if (state_ == State::ended) return;
  state_ = State::ended;
  socket_poll_->watch(0);
  if (process_poll_) process_poll_->watch(0);
  if (release_poll_) release_poll_->watch(0);
  host_.on_ended(*this);
}

}  // namespace dolium::daemon
