#include "client/remote/events.h"

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

Result<std::pair<std::uint64_t, std::shared_ptr<EventBuffer>>> Events::subscribe() {
  auto buffer = std::make_shared<EventBuffer>();
  Call call;
  std::uint64_t number = 0;
  // Before the request is sent: events may follow its reply at once.
  const auto expect_events = [&](std::uint64_t own) {
    const auto lock = exchange_.lock();
    streams_.emplace(number = own, buffer);
  };
  try {
    const auto begun = exchange_.begin(protocol::SubscribeRequestT(),
                                       std::shared_ptr<Call>(std::shared_ptr<void>(), &call), expect_events);
    if (!begun) return begun.error();
  } catch (...) {
    forget(number);
    throw;
  }
  exchange_.wait(call);
  if (const auto done = call.reply<protocol::DoneReply>(); !done) {
    forget(number);
    return done.error();
  }
  return std::pair(number, std::move(buffer));
}

void Events::forget(std::uint64_t number) {
  const auto lock = exchange_.lock();
  streams_.erase(number);
}

void Events::unsubscribe(std::uint64_t number) {
  forget(number);
  protocol::UnsubscribeRequestT request;
  request.subscription = number;
  exchange_.post(request);
}

Result<Event> Events::next(EventBuffer& buffer, Timeout timeout) {
  if (exchange_.gone_for_good()) exchange_.fail_as_gone();
  if (timeout.is_no_wait()) exchange_.try_read();
  auto lock = exchange_.lock();
  const auto done = [&] { return !buffer.events.empty() || exchange_.failed(); };
  if (!exchange_.wait_until(lock, buffer.wake, done, protocol::deadline_after(timeout)))
    return Error{Errc::timed_out, "no event came in time"};
  if (buffer.events.empty()) return *exchange_.failed();
  const Event event = buffer.events.front();
  buffer.events.pop_front();
  return event;
}

void Events::take(std::uint64_t number, const protocol::EventNotice& notice) {
  const auto lock = exchange_.lock();
  const auto stream = streams_.find(number);
  if (stream == streams_.end() || notice.events() == nullptr) return;
  for (const protocol::EventRow* row : *notice.events()) stream->second->add(protocol::from_wire(*row));
  stream->second->wake.notify_one();
  completions_.poke();  // a thread that polls event_fd() looks at its subscriptions
}

void Events::wake_all() noexcept {
  for (auto& [number, stream] : streams_) stream->wake.notify_one();
}

void Events::subscribe_again() {
  Transport& transport = exchange_.transport();
  for (auto& [number, stream] : streams_) {
    Event gap;
    gap.kind = Event::Kind::overflow;
    stream->add(gap);
    stream->wake.notify_one();
    if (!exchange_.has_call(number))  // else that call is repeated
      transport.queue(transport.encoder().encode(number, protocol::SubscribeRequestT()));
  }
}

}  // namespace dolium::detail
