// What the daemon sends, and whom it is for. See connection.h.

#include <new>
#include <utility>

#include "client/remote/connection.h"

namespace dolium::detail {

void EventBuffer::add(const Event& event) {
  if (events.size() < Subscription::kMaxQueued) {
    events.push_back(event);
  } else if (events.back().kind != Event::Kind::overflow) {
    Event lost;
    lost.kind = Event::Kind::overflow;
    events.push_back(lost);
  }
}

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
    keep_extent(*call, frame);
    take_granted(*call, frame);
    call->payload.assign(payload.begin(), payload.end());
    call->epoch = epoch();
  } catch (const std::bad_alloc&) {
    call->failure = Error{Errc::system_error, "no memory for the daemon's answer (Cannot allocate memory)"};
    give_up_creation(*call, frame);
  }
  complete(call);
}

void Connection::keep_extent(const Call& call, const protocol::ReplyFrame& frame) {
  const auto* created = frame.body_as_CreateReply();
  if (created == nullptr || !call.creating) return;
  const std::lock_guard lock(traffic_->mutex);
  traffic_->extents.emplace_back(*call.creating, created->offset());
}

void Connection::forget_extent(const ObjectId& id, std::uint64_t offset) noexcept {
  const std::lock_guard lock(traffic_->mutex);
  const auto found = std::ranges::find(traffic_->extents, std::pair(id, offset));
  if (found == traffic_->extents.end()) return;
  *found = traffic_->extents.back();
  traffic_->extents.pop_back();
}

/// Of an object whose writer will never hear where it is.
void Connection::give_up_creation(const Call& call, const protocol::ReplyFrame& frame) noexcept {
  const auto* created = frame.body_as_CreateReply();
  if (created == nullptr || !call.creating) return;
  forget_extent(*call.creating, created->offset());
  try {
    post(abort_request(*this, *call.creating, created->offset(), epoch()));
  } catch (const std::bad_alloc&) {  // its session's end does the same
  }
}

void Connection::complete(const std::shared_ptr<Call>& call) {
  try {
    if (call->on_answer) call->on_answer(*call);
  } catch (const std::bad_alloc&) {                          // who waits shall not wait for ever
    call->failure = Error{Errc::system_error, "no memory"};  // short enough to need none
    wake(*call);
    throw;
  }
  wake(*call);
}

void Connection::wake(Call& call) {
  const std::lock_guard lock(traffic_->mutex);
  call.answered = true;
  call.wake.notify_one();
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
      {protocol::from_wire(*notice.id()),
       {static_cast<Errc>(notice.code()), protocol::from_wire(notice.message()), protocol::from_wire(notice.cause())}});
}

void Connection::deliver_events(std::uint64_t number, const protocol::EventNotice& notice) {
  const std::lock_guard lock(traffic_->mutex);
  const auto stream = traffic_->streams.find(number);
  if (stream == traffic_->streams.end() || notice.events() == nullptr) return;
  for (const protocol::EventRow* row : *notice.events()) stream->second->add(protocol::from_wire(*row));
  stream->second->wake.notify_one();
  completions_.poke();  // whoever polls event_fd() shall look at its subscriptions
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
    static_cast<void>(send(number, protocol::SubscribeRequestT(), Patience::wait, &call));
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
  if (gone_for_good()) fail_as_gone();
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

}  // namespace dolium::detail
