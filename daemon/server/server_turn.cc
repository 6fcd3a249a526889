// One turn of the server's loop: reply to requests, let quiet sessions rest, set the timer. See server.h.

#include <algorithm>
#include <utility>

#include <dolium/copy.h>

#include "daemon/server/server.h"
#include "shm/os/cores.h"
#include "shm/os/give_way.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

constexpr shm::TimeNs kPatience = shm::TimeNs{Server::kHandshakeTimeoutMs} * 1'000'000;

}  // namespace

void Server::before_wait() {
  const shm::TimeNs now = shm::monotonic_now();
  serve(now);
  go_on_draining(now);
  renewer_.go_on();
  warmer_.go_on();
  arm_timer();
  if (std::exchange(asked_, false)) last_asked_ = now;
  let_rest(now);
  may_be_asked_ = now < last_asked_ + busy_poll_.how_long(now) || sessions_.has_awake();
  busy_loop_->set((may_be_asked_ || engine_->store().room().wants_relocation()) && !stopping_);
}

/// Carries out what waits, and sends all replies and events of this turn.
void Server::serve(shm::TimeNs now) {
  do {  // serving can create replies, and sending can free room that is waited for
    engine_->settle(now);
    dispatch_.go_on();
    if (tier_) tier_->work({now, std::chrono::system_clock::now()});
    if (tier_ && tier_->state() != tier_state_) log_tier_state();
    if (!is_serving_ && !waits_for_catalogue()) say_serving();
    if (!held_back_.empty() && !waits_for_catalogue()) admit_held_back();
    // The last first: a client that waited for another client's request has waited longer than the one that just asked.
    sessions_.take_dirty([this](Session& session) { answer(session); });
    sessions_.destroy_ended();
  } while (sessions_.has_dirty());
}

void Server::answer(Session& session) {
  const bool events_wait = session.is_open() && dispatch_.send_events(session);
  session.pump(events_wait);
}

// ---- rings ----

bool Server::poll_rings() {
  bool heard = false;
  sessions_.visit_awake([&heard](Session& session) {
    if (!session.poll()) return;
    heard = true;
    session.last_heard = 0;
  });
  return heard;
}

/// Time to poll a client after its last request. A client that is writing returns when it has written, and copying a
/// megabyte takes longer than busy_poll_: it should find the server awake, because waking it costs a good part of that
/// time. For a copy by several threads that cost does not matter, and those threads may need this core.
shm::TimeNs Server::patience_with(const Session& session, shm::TimeNs busy_poll) const {
  if (session.copies_large) return 0;
  const std::uint64_t writing = engine_->store().clients().unsealed_bytes(session.client());
  return writing != 0 && writing < kParallelCopyBytes ? kWriterFactor * busy_poll : busy_poll;
}

/// Quiet sessions are not polled any more: their clients ring from now on.
void Server::let_rest(shm::TimeNs now) {
  const shm::TimeNs busy_poll = busy_poll_.how_long(now);
  sessions_.let_rest([&](Session& session) {
    if (session.last_heard == 0) session.last_heard = now;
    if (now < session.last_heard + patience_with(session, busy_poll) && !stopping_) return false;
    return session.rest();
  });
}

void Server::on_awake(Session& session) {
  sessions_.mark_awake(session);
}

/// What the loop does instead of waiting. While it only moves objects, it need not yield: the kernel limits its share.
void Server::look_again() {
  bool heard = false;
  for (int looks = 0; looks < kLooksPerTurn; ++looks) {
    if (poll_rings()) {
      heard = true;
      serve(shm::monotonic_now());
    } else {
      shm::relax();
    }
  }
  if (!heard) engine_->store().room().relocate_one();  // bounded: a request waits for at most one copy
  if (may_be_asked_) shm::give_way(busy_poll_);
}

void Server::arm_timer() {
  const shm::TimeNs now = shm::monotonic_now();
  shm::TimeNs next = std::min(engine_->next_deadline(), client_log_.next_deadline());
  if (tier_) next = std::min(next, tier_->next_deadline(now));
  if (drain_) next = std::min(next, drain_->next_deadline());
  if (waits_for_catalogue())
    next = std::min(next, began_ + kCatalogueTimeout);
  else if (const Session* newcomer = sessions_.oldest_newcomer())
    next = std::min(next, newcomer->connected + kPatience);
  if (next == armed_for_ && next > now) return;
  armed_for_ = next;
  if (next == shm::kNever) {
    deadline_timer_->stop();
  } else {
    // Rounded up: a timer that fires early finds nothing to do and must be set again.
    deadline_timer_->start_once(next <= now ? 0 : (next - now + 999'999) / 1'000'000);
  }
}

/// Descriptors that a client does not receive count against all that this user may send (unix(7), ETOOMANYREFS). Such a
/// client holds nothing, so the next server need not know of it.
void Server::end_unheard(Session& session) {
  log_end(session, "", "it does not take what came with its HelloReply");
  session.refuse({Errc::timed_out, "what came with the HelloReply was not taken in time"});
}

void Server::on_deadline() {
  const shm::TimeNs now = shm::monotonic_now();
  armed_for_ = shm::kNever;
  engine_->tick(now);
  client_log_.tick(now);
  if (waits_for_catalogue()) {
    if (now < began_ + kCatalogueTimeout) return;
    log_->critical(
        "the spill process has not told the records of its directory in {} s: look at its log, then start doliumd "
        "again",
        kCatalogueTimeout / 1'000'000'000);
    end_ = End::failed;
    return stop("no spill tier");
  }
  for (Session* newcomer = sessions_.oldest_newcomer(); newcomer != nullptr && now >= newcomer->connected + kPatience;
       newcomer = sessions_.oldest_newcomer()) {
    SessionTable::remove_newcomer(*newcomer);
    end_late(*newcomer);
  }
}

/// A new store with a spill directory has no objects before the directory's records are rows. A client that was
/// admitted before would miss them.
bool Server::waits_for_catalogue() const noexcept {
  return tier_ && !tier_->has_catalogue();
}

void Server::log_tier_state() {
  tier_state_ = tier_->state();
  const bool works = tier_state_ == Tier::State::ready || tier_state_ == Tier::State::catalogue;
  const auto process = tier_->client() == 0 ? 0 : engine_->store().report().client_use(tier_->client()).pid;
  log_->log(works ? spdlog::level::info : spdlog::level::warn, "the spill tier is {} (process {})", tier_->state_text(),
            process);
}

/// The client is told why: its patience may end before the directory is read.
void Server::hold_back(Session& session, const protocol::RequestFrame& hello) {
  held_back_.emplace_back(&session, protocol::RequestFrameT());
  hello.UnPackTo(&held_back_.back().second);
  protocol::HelloDelayedNoticeT notice;
  notice.reason = fmt::format(
      "it has just started, and reads its spill directory {} first (the spill process is {}); connect again later, or "
      "give a longer timeout",
      config_.spill_directory, tier_->state_text());
  session.reply(hello.request_id(), notice);
}

void Server::admit_held_back() {
  for (auto& [session, hello] : std::exchange(held_back_, {})) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(protocol::RequestFrame::Pack(builder, &hello));
    session->connected = shm::monotonic_now();
    on_request(*session, *flatbuffers::GetRoot<protocol::RequestFrame>(builder.GetBufferPointer()));
  }
}

/// A newcomer whose time is up.
void Server::end_late(Session& session) {
  if (!session.attached()) {
    session.misbehaved({Errc::protocol_error, "no HelloRequest came in time"});
    session.leave();  // sessions that were leaving, and whose client did not read why
  } else if (!session.wire().peer_has_read_all()) {
    end_unheard(session);
  }
}

}  // namespace dolium::daemon
