#include "client/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>

#include "shm/cores.h"
#include "shm/system_error.h"

namespace dolium::detail {

using protocol::Channel;
using protocol::Deadline;
using protocol::kNoDeadline;
using protocol::ReadState;

void EventBuffer::add(const Event& event) {
  if (events.size() < Subscription::kMaxQueued) {
    events.push_back(event);
  } else if (events.back().kind != Event::Kind::overflow) {
    Event lost;
    lost.kind = Event::Kind::overflow;
    events.push_back(lost);
  }
}

Connection::~Connection() {
  const bool child = attachment_ != nullptr && attachment_->inherited();
  attachment_.reset();
  // Objects that outlive us keep the session; the daemon learns that nothing more will be asked. Not from a
  // forked child, whose descriptor is the parent's connection, nor when the daemon ended the session itself.
  closing_ = true;
  if (!child && socket_ != nullptr && socket_.use_count() > 1 && !traffic_->failure) post(protocol::LeaveRequestT());
}

// ---- out ----

std::uint64_t Connection::enlist(std::shared_ptr<Call> call) {
  const std::lock_guard lock(traffic_->mutex);
  if (traffic_->failure) return 0;
  traffic_->calls.emplace(++traffic_->last_number, std::move(call));
  return traffic_->last_number;
}

/// Of a request that could not be sent. Whoever is about to answer it, because the connection fails, must have done so
/// before it is gone.
void Connection::withdraw(std::uint64_t number, Call& call) {
  std::unique_lock lock(traffic_->mutex);
  if (traffic_->calls.erase(number) == 0 && !call.on_answer) call.wake.wait(lock, [&] { return call.answered; });
}

/// Before a call that is waited for: a bell would only wake who waits for event_fd(), for nothing. Not while another
/// thread reads: it may be asleep already, and must hear.
void Connection::look_ourselves() {
  const std::lock_guard lock(traffic_->mutex);
  if (!traffic_->reading) traffic_->channel.awake();
}

void Connection::wake_early() noexcept {
  if (busy_poll_.count() == 0) return;
  const std::unique_lock lock(traffic_->write_mutex, std::try_to_lock);  // who writes wakes it anyway
  if (lock.owns_lock()) traffic_->channel.wake_early(socket_->get());
}

Result<std::uint64_t> Connection::begin_deferred() {
  const std::lock_guard lock(traffic_->mutex);
  if (traffic_->failure) return *traffic_->failure;
  if (traffic_->put_failures.size() >= kMaxPutFailures)
    return Error{Errc::out_of_memory, fmt::format("{} deferred puts have failed: take their errors with flush() first",
                                                  traffic_->put_failures.size())};
  deferred_.fetch_add(1, std::memory_order_relaxed);
  return ++traffic_->last_number;
}

Result<void> Connection::settle_deferred() {
  if (!has_deferred()) return {};
  const std::uint64_t sent = deferred_.load(std::memory_order_relaxed);
  if (auto answered = tell(protocol::PingRequestT()); !answered) return answered;  // requests are carried out in order
  const std::lock_guard lock(traffic_->mutex);
  settled_.store(std::max(sent, settled_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  return {};
}

Result<std::vector<PutFailure>> Connection::take_put_failures() {
  const std::lock_guard lock(traffic_->mutex);
  if (traffic_->failure) return *traffic_->failure;
  if (std::exchange(traffic_->lost_deferred, false))
    return Error{Errc::disconnected,
                 "the daemon's server has died, or was replaced, and another goes on with its objects; which of the "
                 "deferred puts of before were carried out is not known: look (exists) before you repeat them"};
  return std::exchange(traffic_->put_failures, {});
}

void Connection::post_cancel(std::uint64_t number) {
  protocol::CancelRequestT cancel;
  cancel.request_id = number;
  std::uint64_t own = 0;
  {
    const std::lock_guard writing(traffic_->write_mutex);
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->failure) return;
    own = ++traffic_->last_number;
    // No other server shall be asked.
    if (const auto call = traffic_->calls.find(number); call != traffic_->calls.end()) call->second->again = nullptr;
  }
  send(own, std::move(cancel), Patience::none);
}

void Connection::flush(Patience patience) {
  for (;;) {
    Result<bool> flushed = false;
    {
      const std::lock_guard lock(traffic_->write_mutex);
      flushed = traffic_->channel.flush(socket_->get(), *traffic_->writer);
    }
    if (!flushed) {
      // What the daemon said before it closed is still to be read: it says why. Who reads finds out how to go on.
      while (try_read()) {
      }
      if (!may_resume()) fail(flushed.error());
      return;
    }
    if (*flushed || patience == Patience::none) return;
    wait_for_room();
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->failure) return;  // a ring takes no notice of its reader's death
  }
}

/// The daemon takes no more requests until somebody reads its replies: that may have to be us.
void Connection::wait_for_room() {
  const bool through_rings = [this] {
    const std::lock_guard lock(traffic_->write_mutex);  // a successor's may take their place
    return traffic_->channel.has_rings();
  }();
  if (through_rings) {
    // The bell that says so may be heard by who reads: so never for long.
    if (try_read()) return;
    pollfd socket{socket_->get(), POLLIN, 0};
    if (busy_poll_.count() > 0)
      ::sched_yield();
    else
      ::poll(&socket, 1, kFlushPatienceMs);
    return;
  }
  const bool someone_reads = [this] {
    const std::lock_guard lock(traffic_->mutex);
    return traffic_->reading;
  }();
  const short wanted = someone_reads ? POLLOUT : POLLOUT | POLLIN;
  pollfd socket{socket_->get(), wanted, 0};
  // Who reads now may have its answer and leave at any moment, without a word to us: then it is our turn.
  ::poll(&socket, 1, someone_reads ? kFlushPatienceMs : -1);
  if ((socket.revents & POLLIN) != 0) try_read();
}

// ---- waiting and leading ----

void Connection::wait(Call& call) {
  std::unique_lock lock(traffic_->mutex);
  wait_until(
      lock, call.wake, [&call] { return call.answered; }, kNoDeadline);
}

bool Connection::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wake,
                            const std::function<bool()>& done, Deadline deadline) {
  bool in_time = true;
  while (in_time && !done()) {
    in_time = deadline == kNoDeadline || std::chrono::steady_clock::now() < deadline;
    if (!in_time) break;
    if (!traffic_->reading) {
      traffic_->reading = true;
      lock.unlock();
      read_once(deadline);
      lock.lock();
      stop_reading(lock);
      if (!traffic_->unsent.exchange(false)) continue;
      lock.unlock();
      flush(Patience::wait);
      lock.lock();
      continue;
    }
    const auto place = traffic_->followers.insert(traffic_->followers.end(), &wake);
    if (deadline == kNoDeadline)
      wake.wait(lock);
    else
      wake.wait_until(lock, deadline);
    traffic_->followers.erase(place);
  }
  if (!traffic_->reading && !traffic_->followers.empty()) traffic_->followers.front()->notify_one();
  return done();
}

bool Connection::try_read() {
  {
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->reading || traffic_->failure) return false;
    traffic_->reading = true;
  }
  const bool more =
      take([this] { return traffic_->channel.read(socket_->get(), *traffic_->reader, Channel::Look::everywhere); });
  std::unique_lock lock(traffic_->mutex);
  stop_reading(lock);
  if (!traffic_->followers.empty()) traffic_->followers.front()->notify_one();
  return more;
}

/// Who waits for event_fd() must hear of what comes from now on, and of what came meanwhile.
void Connection::stop_reading(std::unique_lock<std::mutex>&) {
  traffic_->reading = false;
  if (traffic_->watched && !traffic_->channel.may_sleep()) completions_.poke();
}

int Connection::event_fd() {
  if (inherited()) return poll_fd_.get();  // the mutex may be locked there, by nobody
  const std::lock_guard lock(traffic_->mutex);
  traffic_->watched = true;
  if (!traffic_->reading && !traffic_->channel.may_sleep()) completions_.poke();
  return poll_fd_.get();
}

void Connection::read_once(Deadline deadline) {
  take([&] { return receive(deadline); });
}

/// Reads by `read`, and does what is to be done with it; true when there may be more. Whoever reads, reads for all:
/// where there is no memory for what has come, nobody would ever get it, so the connection fails, for everybody to see.
template <class Read>
bool Connection::take(Read&& read) {
  try {
    const Result<ReadState> state = read();
    while (const auto payload = traffic_->reader->next()) dispatch(*payload);
    if (!state)
      lost(state.error());
    else if (*state == ReadState::end_of_file)
      lost({Errc::disconnected, "the daemon closed the connection"});
    return state && *state == ReadState::progress;
  } catch (const std::bad_alloc&) {
    fail_without_memory();
    return false;
  }
}

/// One piece of what the daemon sends; would_block when nothing came in time.
Result<ReadState> Connection::receive(Deadline deadline) {
  using Clock = std::chrono::steady_clock;
  Channel& channel = traffic_->channel;
  if (busy_poll_.count() > 0) {
    const auto end = std::min<Deadline>(deadline, Clock::now() + busy_poll_);
    do {
      for (int looks = 0; channel.has_rings() && looks < kLooksPerYield && !channel.ring_has_bytes(); ++looks)
        shm::relax();
      Result<ReadState> read = channel.read(socket_->get(), *traffic_->reader, Channel::Look::ring_only);
      if (!read || *read != ReadState::would_block) return read;
      ::sched_yield();  // whoever shares this core may be the one we wait for
    } while (Clock::now() < end);
  }
  if (!channel.may_sleep()) return channel.read(socket_->get(), *traffic_->reader, Channel::Look::ring_only);
  const Result<bool> ready = protocol::wait_readable(socket_->get(), deadline);
  channel.awake();
  if (!ready) return ready.error();
  return channel.read(socket_->get(), *traffic_->reader, *ready ? Channel::Look::everywhere : Channel::Look::ring_only);
}

// ---- in ----

void Connection::dispatch(std::span<const std::byte> payload) {
  const auto frame = protocol::decode<protocol::ReplyFrame>(payload);
  if (!frame) return fail(frame.error());
  const std::uint64_t number = (*frame)->request_id();
  if (const auto* notice = (*frame)->body_as_EventNotice()) {
    deliver_events(number, *notice);
  } else if (const auto* goodbye = (*frame)->body_as_GoodbyeNotice()) {
    const std::lock_guard lock(traffic_->mutex);
    traffic_->goodbye = protocol::from_wire(goodbye->reason());
  } else if (const auto* failed = (*frame)->body_as_PutFailedNotice()) {
    keep_put_failure(*failed);
  } else {
    deliver(number, **frame, payload);
  }
}

void Connection::deliver(std::uint64_t number, const protocol::ReplyFrame& frame, std::span<const std::byte> payload) {
  std::shared_ptr<Call> call;
  {
    const std::lock_guard lock(traffic_->mutex);
    const auto found = traffic_->calls.find(number);
    if (found == traffic_->calls.end()) return;  // the daemon answers each request once; a second answer has no reader
    call = std::move(found->second);
    traffic_->calls.erase(found);
  }
  try {
    take_granted(*call, frame);
    call->payload.assign(payload.begin(), payload.end());
    call->epoch = epoch();
  } catch (const std::bad_alloc&) {
    call->failure = Error{Errc::system_error, "no memory for the daemon's answer (Cannot allocate memory)"};
  }
  complete(call);
}

void Connection::complete(const std::shared_ptr<Call>& call) {
  if (call->on_answer) return call->on_answer(*call);
  const std::lock_guard lock(traffic_->mutex);
  call->answered = true;
  call->wake.notify_one();
}

void Connection::take_granted(Call& call, const protocol::ReplyFrame& frame) {
  std::uint64_t grant = 0;
  const flatbuffers::Vector<std::uint8_t>* found = nullptr;
  if (const auto* reply = frame.body_as_GetReply()) {
    grant = reply->grant();
    found = reply->found();
  } else if (const auto* sealed = frame.body_as_SealReply()) {
    grant = sealed->grant();
  } else if (const auto* put = frame.body_as_PutReply()) {
    grant = put->grant();
  }
  if (grant == 0) return;
  try {
    call.taken.resize(call.ids.size());
  } catch (const std::bad_alloc&) {
    attachment_->set_granted_through(grant);  // nobody takes it up
    throw;
  }
  for (std::size_t i = 0; i < call.ids.size(); ++i) {
    if (found != nullptr && (i >= found->size() || found->Get(static_cast<flatbuffers::uoffset_t>(i)) == 0)) continue;
    // The grant keeps it from being evicted; only a removal can have made it absent meanwhile.
    Attachment::Attempt attempt = attachment_->hold_kept(call.ids[i], Attachment::Count::nothing);
    for (int looks = 0; attempt.verdict == Attachment::Verdict::undecided && looks < kMaxLooks; ++looks)
      attempt = attachment_->hold_kept(call.ids[i], Attachment::Count::nothing);
    if (attempt.verdict == Attachment::Verdict::held) call.taken[i] = std::move(attempt.object);
  }
  attachment_->set_granted_through(grant);
}

void Connection::keep_put_failure(const protocol::PutFailedNotice& notice) {
  if (notice.code() > protocol::ErrorCode::MAX)
    return fail({Errc::protocol_error, "the daemon reports an unknown error"});
  const std::lock_guard lock(traffic_->mutex);
  traffic_->put_failures.push_back(
      {protocol::from_wire(*notice.id()), {static_cast<Errc>(notice.code()), protocol::from_wire(notice.message())}});
}

void Connection::deliver_events(std::uint64_t number, const protocol::EventNotice& notice) {
  const std::lock_guard lock(traffic_->mutex);
  const auto stream = traffic_->streams.find(number);
  if (stream == traffic_->streams.end() || notice.events() == nullptr) return;
  for (const protocol::EventRow* row : *notice.events()) stream->second->add(protocol::from_wire(*row));
  stream->second->wake.notify_one();
  completions_.poke();  // whoever polls event_fd() shall look at its subscriptions
}

// ---- failure ----

void Connection::answer_locally(std::uint64_t number, const Error& error) {
  std::shared_ptr<Call> call;
  {
    const std::lock_guard lock(traffic_->mutex);
    const auto found = traffic_->calls.find(number);
    if (found == traffic_->calls.end()) return;
    call = std::move(found->second);
    traffic_->calls.erase(found);
  }
  call->failure = error;
  complete(call);
}

void Connection::fail_without_memory() noexcept {
  try {
    fail({Errc::disconnected,
          "no memory for what the daemon sent (Cannot allocate memory): the connection is given up"});
  } catch (const std::bad_alloc&) {
    fail({Errc::disconnected, "no memory"});  // short enough to need none
  }
}

void Connection::fail(const Error& error) {
  std::unordered_map<std::uint64_t, std::shared_ptr<Call>> orphans;
  Error told = error;
  {
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->failure) return;
    if (!traffic_->goodbye.empty()) told.message += " (it said: " + traffic_->goodbye + ")";
    told.code = Errc::disconnected;
    traffic_->failure = told;
    orphans.swap(traffic_->calls);
    for (auto& [number, stream] : traffic_->streams) stream->wake.notify_one();
  }
  for (auto& [number, call] : orphans) {
    try {
      call->failure = told;
      complete(call);
    } catch (const std::bad_alloc&) {  // all the others shall hear of it
      call->failure = Error{Errc::disconnected, "no memory"};
      if (!call->on_answer) complete(call);
    }
  }
  completions_.poke();
}

Error Connection::failure() const {
  const std::lock_guard lock(traffic_->mutex);
  return traffic_->failure.value_or(Error{Errc::disconnected, "the connection is closed"});
}

Result<void> Connection::check_alive() {
  pollfd socket{socket_->get(), POLLRDHUP, 0};
  if (::poll(&socket, 1, 0) > 0)  // it said why before it closed
    while (try_read()) {
    }
  const std::lock_guard lock(traffic_->mutex);
  return traffic_->failure ? Result<void>(*traffic_->failure) : Result<void>();
}

// ---- events ----

Result<std::pair<std::uint64_t, std::shared_ptr<EventBuffer>>> Connection::subscribe() {
  auto buffer = std::make_shared<EventBuffer>();
  Call call;
  const std::uint64_t number = enlist(std::shared_ptr<Call>(std::shared_ptr<void>(), &call));
  if (number == 0) return failure();
  try {
    {
      const std::lock_guard lock(traffic_->mutex);
      traffic_->streams.emplace(number, buffer);  // before the request: events may follow its reply at once
    }
    send(number, protocol::SubscribeRequestT(), Patience::wait, &call);
  } catch (...) {
    withdraw(number, call);
    const std::lock_guard lock(traffic_->mutex);
    traffic_->streams.erase(number);
    throw;
  }
  wait(call);
  if (const auto done = reply_of<protocol::DoneReply>(call); !done) {
    const std::lock_guard lock(traffic_->mutex);
    traffic_->streams.erase(number);
    return done.error();
  }
  return std::pair(number, std::move(buffer));
}

void Connection::unsubscribe(std::uint64_t number) {
  {
    const std::lock_guard lock(traffic_->mutex);
    traffic_->streams.erase(number);
  }
  protocol::UnsubscribeRequestT request;
  request.subscription = number;
  post(std::move(request));
}

Result<Event> Connection::next_event(EventBuffer& buffer, Timeout timeout) {
  if (timeout.is_no_wait()) try_read();
  std::unique_lock lock(traffic_->mutex);
  const auto done = [&] { return !buffer.events.empty() || traffic_->failure; };
  if (!wait_until(lock, buffer.wake, done, protocol::deadline_after(timeout)))
    return Error{Errc::timed_out, "no event came in time"};
  if (buffer.events.empty()) return *traffic_->failure;
  const Event event = buffer.events.front();
  buffer.events.pop_front();
  return event;
}

Result<void> Connection::process_events() {
  while (try_read()) {
  }
  flush(Patience::none);
  completions_.run();
  const std::lock_guard lock(traffic_->mutex);
  return traffic_->failure ? Result<void>(*traffic_->failure) : Result<void>();
}

}  // namespace dolium::detail
