// The stop of the server. See server.h.
//
// With a spill tier, what is dirty is written first (Drain). Meanwhile sessions go on, so that the store's memory and
// the spill process's session stay as they are, and a crash loses nothing that a restarted server could not write:
// objects are read and removed, and those that are being written are sealed. No object is created, and no client is
// admitted.

#include <unistd.h>

#include <fmt/format.h>

#include "daemon/process/logging.h"
#include "daemon/server/server.h"
#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

/// The keeper decides about the end of a server. A signal from another process may have come to the whole group, so to
/// the keeper too: the keeper knows whether this is a stop or a restart.
void Server::take_signals() {
  while (const std::optional<ReceivedSignal> signal = signals_.next()) {
    const bool from_keeper = signal->sender == ::getppid();
    if (signal->number == SIGUSR1) writer_of(*log_).reopen();
    if (signal->number == SIGCHLD || signal->number == SIGUSR1 || stopping_) continue;
    if (!from_keeper)
      estate_.say_told_to_end(signal->sender == 0
                                  ? signal_name(signal->number)
                                  : fmt::format("{} by process {}", signal_name(signal->number), signal->sender));
    else if (signal->number == SIGHUP)
      restart();
    else
      stop(signal_name(signal->number));
  }
}

void Server::stop(const char* reason) {
  if (stopping_ || drains_before(Drain::Before::stop)) return;  // the keeper may repeat its signal
  stop_reason_ = reason;
  const bool serves = end_ == End::finished && tier_ && !waits_for_catalogue();
  const auto limit = static_cast<shm::TimeNs>(std::chrono::nanoseconds(config_.spill_drain).count());
  if (!serves || engine_->store().spill().dirty().count == 0) return end_in_order();
  begin_drain(Drain::Before::stop, limit);
}

void Server::begin_drain(Drain::Before before, shm::TimeNs limit) {
  drain_.reset();  // that of a restart ends where a stop begins
  drain_.emplace(*tier_, engine_->store().spill(), before, limit, shm::monotonic_now());
  if (before == Drain::Before::stop) estate_.say_draining(shm::to_ms(limit));
  if (limit != 0)
    log_->info("{}: {}", before == Drain::Before::stop ? fmt::format("stopping ({})", stop_reason_) : "restarting",
               drain_->plan());
  if (before == Drain::Before::restart) return;
  dispatch_.refuse_new_objects({Errc::disconnected, kStopping});
}

void Server::go_on_draining(shm::TimeNs now) {
  if (!drain_) return;
  if (!drain_->is_over(now)) {
    if (const std::optional<std::string> line = drain_->report(now)) log_->info("{}", *line);
    return;
  }
  const Drain::Before before = drain_->before();
  const bool loses = before == Drain::Before::stop && !drain_->is_complete();
  log_->log(loses ? spdlog::level::err : spdlog::level::info, "{}", drain_->outcome());
  drain_.reset();
  if (before == Drain::Before::restart) return make_way();
  estate_.say_draining(std::chrono::milliseconds(0));  // before the spill process hears of the end
  end_in_order();
}

void Server::end_in_order() {
  stopping_ = true;
  log_->info("stopping ({}): closing {} connections", stop_reason_, sessions_.size());
  engine_->store().end();  // before any client is told: a client that knows of the end gets nothing any more
  acceptor_.stop();
  sessions_.visit_all([](Session& session) {
    protocol::GoodbyeNoticeT goodbye;
    goodbye.reason = "the daemon is shutting down";
    session.reply(0, goodbye);
    session.pump();  // bytes that do not fit into the socket now are lost
  });
  loop_->stop();
}

}  // namespace dolium::daemon
