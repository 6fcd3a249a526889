#include "daemon/server/session.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "protocol/convert.h"
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

Result<std::unique_ptr<Session>> Session::create(EventLoop& loop, Host& host, shm::UniqueFd socket, Peer peer) {
  std::unique_ptr<Session> session(new Session(host, std::move(socket), std::move(peer)));
  Session* self = session.get();
  session->loop_ = &loop;
  Result<Poll> socket_poll = Poll::create(loop, self->socket_.get(), [self](int events) { self->on_socket(events); });
  if (!socket_poll) return std::move(socket_poll).error();
  session->socket_poll_ = *std::move(socket_poll);
  session->socket_poll_->watch(UV_READABLE);
  return session;
}

Session::Session(Host& host, shm::UniqueFd socket, Peer peer)
    : host_(host), socket_(std::move(socket)), peer_(std::move(peer)) {}

Result<void> Session::watch_process(shm::UniqueFd process) {
  Result<Poll> poll = Poll::create(*loop_, process.get(), [this](int) { end(); });
  if (!poll) return std::move(poll).error();
  process_ = std::move(process);
  process_poll_ = *std::move(poll);
  process_poll_->watch(UV_READABLE);
  return {};
}

// ---- out ----

void Session::queue(const Result<std::span<const std::byte>>& frame, std::vector<shm::UniqueFd> descriptors) {
  Result<void> pushed = frame ? writer_.push(*frame, std::move(descriptors)) : Result<void>(frame.error());
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
  const Result<bool> flushed = flush();
  if (!flushed) {  // the peer is gone, or half gone and not listening; or it spoils its rings, or the system fails
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
  if (!is_paused()) take_requests();  // what was read before the pause
  if (!listens()) return;
  if (channel_.has_rings()) {  // bells are all that comes through the socket
    socket_poll_->watch(UV_READABLE);
    if (!is_paused()) host_.on_awake(*this);
    if (events_wait && *flushed) host_.on_dirty(*this);
    return;
  }
  const bool more = events_wait || writer_.queued_bytes() != 0;
  socket_poll_->watch((is_paused() ? 0 : UV_READABLE) | (more ? UV_WRITABLE : 0));
}

Result<bool> Session::flush() {
  Result<bool> flushed = channel_.flush(socket_.get(), writer_);
  if (next_rings_ && flushed && *flushed)
    channel_.use_rings(*std::exchange(next_rings_, std::nullopt), protocol::RingPair::Side::daemon);
  return flushed;
}

// ---- in ----

void Session::on_socket(int events) {
  if (is_silent()) {
    end();  // only a hang-up is watched for
    return;
  }
  // While paused, "readable" can only be a bell, or an error of the connection, which the next write will meet.
  const bool through_rings = channel_.has_rings();
  if ((events & UV_WRITABLE) != 0 || is_paused() || through_rings) host_.on_dirty(*this);
  if ((events & UV_READABLE) == 0 || !listens()) return;
  if (!is_paused())
    read_requests(protocol::Channel::Look::everywhere);
  else if (through_rings)
    take_bells_while_paused();
}

bool Session::read_requests(protocol::Channel::Look look) {
  const Result<ReadState> read = channel_.read(socket_.get(), reader_, look);
  static_cast<void>(reader_.take_descriptors());  // no request carries any: they are closed here
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
  const Result<ReadState> bells = protocol::Channel::take_bells(socket_.get());
  if (!bells || *bells == ReadState::end_of_file) on_end_of_stream();
}

void Session::use_rings(shm::Mapping memory) {
  next_rings_ = std::move(memory);
}

bool Session::has_taken_all() const noexcept {
  int unread = 0;
  return ::ioctl(socket_.get(), SIOCOUTQ, &unread) == 0 && unread == 0;
}

bool Session::poll() {
  if (!listens() || is_paused() || !channel_.ring_has_bytes()) return false;
  return read_requests(protocol::Channel::Look::ring_only);
}

bool Session::rest() {
  return !listens() || is_paused() || channel_.may_sleep();
}

void Session::take_requests() {
  while (listens() && !is_paused()) {
    const auto payload = reader_.next();
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
  const bool hung_up = happens(socket_.get(), POLLHUP | POLLERR);
  if (hung_up || !attached())
    end();
  else
    silence(State::half_closed);
}

// ---- ends ----

void Session::open(shm::ClientId client, Access access, std::string name, shm::UniqueFd release_event,
                   std::uint64_t fork_token) {
  begin(client, access, std::move(name), fork_token);
  release_event_ = std::move(release_event);
  if (auto watched = watch_release_event(); !watched) misbehaved(watched.error());
}

void Session::begin(shm::ClientId client, Access access, std::string name, std::uint64_t fork_token) {
  client_ = client;
  fork_token_ = fork_token;
  access_ = access;
  name_ = std::move(name);
  state_ = State::open;
}

/// The watch goes with the descriptor, whichever session has them.
Result<void> Session::watch_release_event() {
  Result<Poll> poll = Poll::create(*loop_, release_event_.get(), [host = &host_, event = release_event_.get()](int) {
    // Not eventfd_read(): whether that waits is a flag of the open file, which the client has too and can change.
    eventfd_t count = 0;
    const iovec into{&count, sizeof(count)};
    static_cast<void>(::preadv2(event, &into, 1, -1, RWF_NOWAIT));  // another look costs nothing
    host->on_release();
  });
  if (!poll) return std::move(poll).error();
  release_poll_ = *std::move(poll);
  release_poll_->watch(UV_READABLE);
  return {};
}

Result<std::unique_ptr<Session>> Session::orphan(EventLoop& loop, Host& host, Orphaned what) {
  std::unique_ptr<Session> session(new Session(host, std::move(what.socket), std::move(what.peer)));
  Session* self = session.get();
  self->loop_ = &loop;
  self->client_ = what.client;
  self->access_ = what.access;
  self->name_ = std::move(what.name);
  self->fork_token_ = what.token;
  self->release_event_ = std::move(what.release_event);
  self->state_ = State::orphaned;
  Result<Poll> socket_poll = Poll::create(loop, self->socket_.get(), [self](int events) { self->on_socket(events); });
  if (!socket_poll) return std::move(socket_poll).error();
  self->socket_poll_ = *std::move(socket_poll);
  self->socket_poll_->watch(Poll::kHangUp);
  if (what.process.valid())
    if (auto watched = self->watch_process(std::move(what.process)); !watched) return std::move(watched).error();
  if (auto watched = self->watch_release_event(); !watched) return std::move(watched).error();
  // Where the peer had closed its half already, closing ours would look like a hang-up.
  if (!happens(self->socket_.get(), POLLHUP | POLLERR | POLLRDHUP)) ::shutdown(self->socket_.get(), SHUT_WR);
  return session;
}

void Session::replace(Session& orphan) {
  begin(std::exchange(orphan.client_, 0), orphan.access_, std::move(orphan.name_), orphan.fork_token_);
  release_event_ = std::move(orphan.release_event_);
  release_poll_ = std::exchange(orphan.release_poll_, std::nullopt);
  orphan.end();
}

void Session::hear_no_more() {
  if (state_ == State::open) silence(State::half_closed);
}

void Session::await_adoption() {
  if (auto asked = protocol::report_senders(socket_.get()); !asked) {
    misbehaved(asked.error());
    return;
  }
  state_ = State::unadopted;
}

void Session::adopt(pid_t pid, shm::UniqueFd process) {
  state_ = State::open;
  if (pid > 0) {
    peer_.credentials.pid = pid;
    peer_.command = protocol::command_of(pid);
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
  std::destroy_at(&writer_);
  std::construct_at(&writer_);
  say_goodbye(why);
  end();
}

void Session::misbehaved(const Error& what) {
  if (!listens()) return;
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
  if (const auto frame = encoder_.encode(0, std::move(goodbye)))
    if (writer_.push(*frame)) static_cast<void>(flush());  // a word, if there is room for it
  ::shutdown(socket_.get(), SHUT_WR);
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
