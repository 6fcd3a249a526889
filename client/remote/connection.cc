#include "client/remote/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "client/mapped/store_backend.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::detail {

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
  if (gone_for_good()) return 0;
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

/// Who reads finds the end of the old connection, and goes on over another.
void Connection::go_to_successor() {
  successions_met_.store(attachment_->successions(), std::memory_order_relaxed);
  while (try_read()) {
  }
}

void Connection::wake_early() noexcept {
  if (busy_poll_.how_long(shm::monotonic_now()) == 0) return;
  const std::unique_lock lock(traffic_->write_mutex, std::try_to_lock);  // who writes wakes it anyway
  if (lock.owns_lock()) traffic_->channel.wake_early(socket_->get());
}

Result<std::uint64_t> Connection::begin_deferred() {
  if (gone_for_good()) return failure();
  const std::lock_guard lock(traffic_->mutex);
  if (traffic_->failure) return *traffic_->failure;
  if (traffic_->put_failures.size() >= kMaxPutFailures) return too_many_put_failures();
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
  std::vector<PutFailure> failures = std::exchange(traffic_->put_failures, {});
  // Those that are known are not left to the next call, which speaks of what came after this one.
  if (std::exchange(traffic_->lost_deferred, false))
    return Error{Errc::disconnected,
                 "the daemon's server has died, or was replaced, and another goes on with its objects; which of the "
                 "deferred puts of before were carried out is not known: look (exists) before you repeat them"};
  return failures;
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
  static_cast<void>(send(own, std::move(cancel), Patience::none));
}

void Connection::see_off_last_words() noexcept {
  const auto deadline = std::chrono::steady_clock::now() + kLastWords;
  const auto is_left = [this] {
    const std::lock_guard lock(traffic_->write_mutex);
    return traffic_->writer->queued_bytes() > 0;
  };
  while (is_left() && std::chrono::steady_clock::now() < deadline) {
    pollfd socket{socket_->get(), POLLIN | POLLOUT, 0};  // with rings: soon
    ::poll(&socket, 1, 1);
    flush(Patience::none);
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->failure) return;
  }
}

/// Does not throw: a request that is on its way has an answer to come, and who leads must still pass the lead on.
void Connection::flush(Patience patience) noexcept {
  try {
    send_queued(patience);
  } catch (const std::bad_alloc&) {
    fail_without_memory();
  }
}

void Connection::send_queued(Patience patience) {
  using protocol::WhenFull;
  auto when_full = patience == Patience::wait ? WhenFull::look_again : WhenFull::ask_for_bell;
  std::size_t left = 0;
  protocol::Deadline until{};  // how long to look without a bell
  for (;;) {
    Result<bool> flushed = false;
    std::size_t queued = 0;
    {
      const std::lock_guard lock(traffic_->write_mutex);
      flushed = traffic_->channel.flush(socket_->get(), *traffic_->writer, when_full);
      queued = traffic_->writer->queued_bytes();
    }
    if (!flushed) {
      // What the daemon said before it closed is still to be read: it says why. Who reads finds out how to go on.
      while (try_read()) {
      }
      if (!may_resume()) fail(flushed.error());
      return;
    }
    if (*flushed || patience == Patience::none) return;
    if (std::exchange(left, queued) != queued) until = look_until();
    if (when_full == WhenFull::ask_for_bell)
      wait_for_room();
    else if (!look_for_room(until))
      when_full = WhenFull::ask_for_bell;
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->failure) return;  // a ring takes no notice of its reader's death
  }
}

// ---- failure ----

void Connection::answer_locally(std::uint64_t number, const Error& error) {
  std::shared_ptr<Call> call;
  {
    const std::lock_guard lock(traffic_->mutex);
    const auto found = traffic_->calls.find(number);
    if (found == traffic_->calls.end()) return;
    found->second->failure = error;  // before it is taken out: where this throws, it is withdrawn
    call = std::move(found->second);
    traffic_->calls.erase(found);
  }
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
    if (!traffic_->goodbye.empty()) told.message = "the daemon closed the connection: " + traffic_->goodbye;
    told.code = Errc::disconnected;
    traffic_->failure = told;
    if (attachment_ != nullptr) attachment_->cut_off();
    orphans.swap(traffic_->calls);
    for (auto& [number, stream] : traffic_->streams) stream->wake.notify_one();
  }
  for (auto& [number, call] : orphans) {
    try {
      call->failure = told;
      complete(call);
    } catch (const std::bad_alloc&) {  // all the others shall hear of it
      call->failure = Error{Errc::disconnected, "no memory"};
      wake(*call);
    }
  }
  completions_.poke();
}

Error Connection::failure() {
  if (gone_for_good()) fail_as_gone();
  const std::lock_guard lock(traffic_->mutex);
  return traffic_->failure.value_or(Error{Errc::disconnected, "the connection is closed"});
}

// ---- the store's end ----

/// Gives up a connection whose store is gone, with what the daemon said before it went.
void Connection::fail_as_gone() {
  while (try_read()) {
  }
  const char* const how = attachment_->store_ended() ? "the daemon was stopped" : "the daemon has died";
  fail({Errc::disconnected, fmt::format("{}, and its store is gone: connect again when it is back", how)});
}

Result<void> Connection::outlive_owner() {
  if (!gone_for_good()) {  // its descriptors are kept: who answers goes on with the store
    if (auto answered = tell(protocol::PingRequestT()); !answered) return answered;
    if (!attachment_->gone()) return {};
  }
  fail_as_gone();
  return failure();
}

Result<Attachment::Attempt> Connection::hold_after_all(const ObjectId& id) {
  for (;;) {
    if (auto there = outlive_owner(); !there) return std::move(there).error();
    Attachment::Attempt attempt = attachment_->hold(id, Attachment::Count::hit);
    if (attempt.verdict != Attachment::Verdict::gone) return attempt;
  }
}

}  // namespace dolium::detail
