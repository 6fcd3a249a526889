// Sending requests, and the end of an exchange. See exchange.h.

#include "client/remote/exchange.h"

#include <fmt/format.h>
#include <poll.h>

#include <new>
#include <utility>

namespace dolium::detail {

// ---- calls ----

Result<void> Exchange::ask_and_wait(const Outgoing& request, Call& call) {
  expect_reply();
  if (auto begun = begin_any(request, std::shared_ptr<Call>(std::shared_ptr<void>(), &call)); !begun)
    return std::move(begun).error();
  wait(call);
  return {};
}

Result<bool> Exchange::ask_and_wait_until(protocol::Deadline give_up, const Outgoing& request,
                                          const std::shared_ptr<Call>& call) {
  expect_reply();
  const Result<std::uint64_t> number = begin_any(request, call);
  if (!number) return number.error();
  if (wait(*call, give_up)) return true;
  post_cancel(*number);
  return false;
}

Result<std::uint64_t> Exchange::begin_any(const Outgoing& request, const std::shared_ptr<Call>& call,
                                          const BeforeSending& before_sending) {
  request.name_object(*call);
  const std::uint64_t number = enlist(call);
  if (number == 0) return failure();
  try {
    if (before_sending) before_sending(number);
    static_cast<void>(send_any(number, request, Patience::wait, call.get()));
  } catch (...) {
    withdraw(number, *call);
    throw;
  }
  return number;
}

bool Exchange::post_any(const Outgoing& request) noexcept {
  try {
    const auto call = std::make_shared<Call>();
    if (const std::uint64_t number = enlist(call); number != 0)
      static_cast<void>(send_any(number, request, Patience::none, call.get()));
    return true;
  } catch (const std::bad_alloc&) {
    completions_.poke();  // a thread that waits for event_fd() flushes what was begun
    return false;
  }
}

Result<void> Exchange::send_any(std::uint64_t number, const Outgoing& request, Patience patience, Call* call) {
  {
    const auto lock = transport_.lock_writing();
    if (call != nullptr) request.remember(*call);
    if (auto pushed = transport_.push(request.encode(transport_.encoder(), number)); !pushed) {
      answer_locally(number, pushed.error());
      return pushed;
    }
  }
  flush(patience);
  return {};
}

void Exchange::queue_any(const Outgoing& request) {
  const auto call = std::make_shared<Call>();
  request.remember(*call);
  const std::uint64_t number = take_number();
  calls_.emplace(number, call);
  transport_.queue(request.encode(transport_.encoder(), number));
}

/// 0: it has failed.
std::uint64_t Exchange::enlist(std::shared_ptr<Call> call) {
  if (attachment_.gone_for_good()) return 0;
  const std::lock_guard lock(mutex_);
  if (failure_) return 0;
  calls_.emplace(++last_number_, std::move(call));
  return last_number_;
}

/// Takes back a request that could not be sent. If the connection fails at the same time, waits until the failing
/// thread has answered the call, which is then free to go.
void Exchange::withdraw(std::uint64_t number, Call& call) {
  std::unique_lock lock(mutex_);
  if (calls_.erase(number) == 0 && !call.on_answer) call.wake.wait(lock, [&] { return call.answered; });
}

/// Before a call that is waited for: a bell would only wake a thread that waits for event_fd(), for nothing. Not while
/// another thread reads: it may be asleep already, and needs the bell.
void Exchange::expect_reply() {
  const std::lock_guard lock(mutex_);
  if (!reading_) transport_.awake();
}

void Exchange::post_cancel(std::uint64_t number) {
  protocol::CancelRequestT cancel;
  cancel.request_id = number;
  std::uint64_t own = 0;
  {
    const auto writing = transport_.lock_writing();
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    own = ++last_number_;
    // A later server is not asked again.
    if (const auto call = calls_.find(number); call != calls_.end()) call->second->again = nullptr;
  }
  static_cast<void>(send(own, cancel, Patience::none));
}

// ---- sending ----

/// Does not throw: the reply to a request that was sent is still to come, and a leader must still pass on the lead.
void Exchange::flush(Patience patience) noexcept {
  try {
    send_queued(patience);
  } catch (const std::bad_alloc&) {
    fail_without_memory();
  }
}

void Exchange::send_queued(Patience patience) {
  using protocol::WhenFull;
  auto when_full = patience == Patience::wait ? WhenFull::look_again : WhenFull::ask_for_bell;
  std::size_t left = 0;
  protocol::Deadline until{};  // the end of busy polling without a bell
  for (;;) {
    const Result<Transport::Flushed> flushed = transport_.flush(when_full);
    if (!flushed) {
      // The daemon's last words are still to be read: they say why it closed. The leader finds out how to continue.
      while (try_read()) {
      }
      if (!session_.may_resume()) fail(flushed.error());
      return;
    }
    if (flushed->all || patience == Patience::none) return;
    if (std::exchange(left, flushed->queued) != flushed->queued) until = transport_.poll_until();
    if (when_full == WhenFull::ask_for_bell)
      wait_for_room();
    else if (!look_for_room(until))
      when_full = WhenFull::ask_for_bell;
    const std::lock_guard lock(mutex_);
    if (failure_) return;  // a ring does not show that its reader has died
  }
}

/// Polls until the daemon has taken something out of the ring. False: that took too long.
bool Exchange::look_for_room(protocol::Deadline until) {
  return std::chrono::steady_clock::now() < until && (try_read() || transport_.give_way());
}

/// Blocks while the send queue is full. The daemon takes no more requests until its replies are read: this thread may
/// have to read them.
void Exchange::wait_for_room() {
  if (transport_.has_rings()) {
    // The leader may take the bell that announces room off the socket: so this never waits long.
    if (try_read()) return;
    pollfd socket{transport_.fd(), POLLIN, 0};
    ::poll(&socket, 1, kFlushPatienceMs);
    return;
  }
  const bool someone_reads = [this] {
    const std::lock_guard lock(mutex_);
    return reading_;
  }();
  const short wanted = someone_reads ? POLLOUT : POLLOUT | POLLIN;
  pollfd socket{transport_.fd(), wanted, 0};
  // The present leader may have its reply and leave at any moment, without waking this thread.
  ::poll(&socket, 1, someone_reads ? kFlushPatienceMs : -1);
  if ((socket.revents & POLLIN) != 0) try_read();
}

void Exchange::see_off_last_words() noexcept {
  const auto deadline = std::chrono::steady_clock::now() + kLastWords;
  while (transport_.queued_bytes() > 0 && std::chrono::steady_clock::now() < deadline) {
    pollfd socket{transport_.fd(), POLLIN | POLLOUT, 0};  // with rings this returns at once, or after 1 ms
    ::poll(&socket, 1, 1);
    flush(Patience::none);
    const std::lock_guard lock(mutex_);
    if (failure_) return;
  }
}

// ---- failure ----

void Exchange::answer_locally(std::uint64_t number, const Error& error) {
  std::shared_ptr<Call> call;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    found->second->failure = error;  // before the call is taken out: if this throws, the call is withdrawn
    call = std::move(found->second);
    calls_.erase(found);
  }
  complete(call);
}

bool Exchange::answer(const std::shared_ptr<Call>& call, const Error& error) noexcept {
  try {
    call->failure = error;
    complete(call);
    return true;
  } catch (const std::bad_alloc&) {
    call->failure = Error{Errc::disconnected, "no memory"};  // short enough to need none
    wake(*call);
    return false;
  }
}

void Exchange::fail_without_memory() noexcept {
  try {
    fail({Errc::disconnected,
          "no memory for what the daemon sent (Cannot allocate memory): the connection is given up"});
  } catch (const std::bad_alloc&) {
    fail({Errc::disconnected, "no memory"});  // short enough to need none
  }
}

void Exchange::fail(const Error& error) {
  std::unordered_map<std::uint64_t, std::shared_ptr<Call>> orphans;
  Error told = error;
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    if (!goodbye_.empty()) told.message = "the daemon closed the connection: " + goodbye_;
    told.code = Errc::disconnected;
    failure_ = told;
    orphans.swap(calls_);
    session_.ended();
  }
  for (const auto& [number, call] : orphans) static_cast<void>(answer(call, told));
  completions_.poke();
}

void Exchange::fail_as_gone() {
  while (try_read()) {
  }
  const char* const how = attachment_.index().owner().ended() ? "the daemon was stopped" : "the daemon has died";
  fail({Errc::disconnected, fmt::format("{}, and its store is gone: connect again when it is back", how)});
}

Error Exchange::failure() {
  if (attachment_.gone_for_good()) fail_as_gone();
  const std::lock_guard lock(mutex_);
  return failure_.value_or(Error{Errc::disconnected, "the connection is closed"});
}

// ---- after a server's death ----

void Exchange::ask_again(std::vector<std::shared_ptr<Call>>& unknown) {
  for (auto entry = calls_.begin(); entry != calls_.end();) {
    const std::shared_ptr<Call>& call = entry->second;
    if (call->sent && call->again) transport_.queue(call->again(transport_.encoder(), entry->first));
    if (!call->sent || call->again) {
      ++entry;
      continue;
    }
    unknown.push_back(call);
    entry = calls_.erase(entry);
  }
}

}  // namespace dolium::detail
