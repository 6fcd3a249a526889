#include "daemon/keeper/keeper_process.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "daemon/keeper/keeper.h"
#include "daemon/process/heap.h"
#include "daemon/process/process_title.h"
#include "shm/os/memory_cgroup.h"
#include "shm/os/monotonic_clock.h"
#include "shm/os/system_error.h"

// One thread: NOLINTBEGIN(concurrency-mt-unsafe)

namespace dolium::daemon {
namespace {

/// In the child. Returns only when it failed.
void become(const std::string& program, char** argv, const std::string& variable, pid_t keeper, OomScores scores) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(EXIT_FAILURE);  // it died before the line above
  scores.set_servers();
  restore_default_signals();
  if (::setenv(KeeperLink::kVariable, variable.c_str(), 1) != 0) return;
  ::execv(program.c_str(), argv);
  ::execv(kAsItWas, argv);  // its file may have been removed
}

}  // namespace

using Kind = KeeperMessage::Kind;
using shm::UniqueFd;

int KeeperProcess::run() {
  const int code = serve();
  spill_.stop(log_);
  return spill_.is_unusable() ? EXIT_FAILURE : code;
}

int KeeperProcess::serve() {
  for (;;) {
    if (!pause()) return ended_between_servers();
    const Result<void> started = start();
    const std::optional<int> code = started ? after(attend()) : refused(started.error().message);
    if (code) return *code;
  }
}

void KeeperProcess::say(const std::string& what) const {
  log_->error("{}", what);
}

Result<void> KeeperProcess::start() {
  auto ends = KeeperLink::make_pair();
  if (!ends) return std::move(ends).error();
  link_ = std::move(ends->first);
  served_ = killed_ = asked_ = false;
  oom_kills_ = shm::count_oom_kills();
  started_ = shm::monotonic_now();
  if (stopping_) end_by_ = started_ + Keeper::kLongestEndMs * kMillisecond;
  const UniqueFd theirs(::dup(ends->second.fd()));  // without close-on-exec
  if (!theirs.valid()) return shm::system_error("give the server its socket");
  server_ = start_process(early_deaths_ == 0 ? program_ : kAsItWas, std::to_string(theirs.get()));
  if (server_ < 0) return shm::system_error("start the server");
  ends->second = KeeperLink();
  lacked_.reset();
  const bool has_all = std::ranges::all_of(kept_, [this](const auto& each) { return hand_over(each.second); });
  // The server would wait for the rest for ever. attend() sees its end.
  if (!has_all || !link_.send(Kind::start, KeeperLink::kVersion, spill_.token().value())) signal_server(SIGKILL);
  return {};
}

pid_t KeeperProcess::start_process(const std::string& program, const std::string& variable) const {
  const pid_t keeper = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (variable == KeeperLink::kCheckOnly) check_output_.become_standard_error();
  become(program, argv_, variable, keeper, scores_);
  log_.last_words(shm::system_error("become the server").message);
  ::_exit(kRefusedBySystem);
}

/// Waits before the next server, if the last one did not serve or was killed by the OOM killer. SIGHUP ends the pause.
/// False: the keeper was told to stop.
bool KeeperProcess::pause() {
  const int tries = early_deaths_ + refusals_;
  int longest = std::exchange(oom_pause_ms_, 0);
  if (tries > 0)
    longest = std::max(longest, std::min(Keeper::kLongestPauseMs, Keeper::kFirstPauseMs << std::min(tries - 1, 10)));
  if (longest == 0) return true;
  hurry_ = false;
  const shm::TimeNs end = shm::monotonic_now() + static_cast<shm::TimeNs>(longest) * kMillisecond;
  while (!stopping_ && !hurry_ && shm::monotonic_now() < end) {
    std::array<pollfd, 2> entries{pollfd{signals_.fd(), POLLIN, 0}, pollfd{starter_.fd(), POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), milliseconds_until(end)) > 0) look_for_starter(entries[1]);
    take_signals();
    reap();
  }
  return !stopping_;
}

/// A timeout for poll(2), rounded up.
int KeeperProcess::milliseconds_until(shm::TimeNs end) {
  const shm::TimeNs now = shm::monotonic_now();
  return now >= end ? 0 : static_cast<int>((end - now + kMillisecond - 1) / kMillisecond);
}

bool KeeperProcess::hand_over(const KeeperItem& item) {
  std::vector<int> descriptors;
  for (const UniqueFd& fd : item.descriptors) descriptors.push_back(fd.get());
  const Result<void> sent = link_.send(Kind::keep, item.key, item.text, descriptors);
  if (!sent && sent.error().code == Errc::out_of_memory) lacked_ = sent.error();
  return sent.has_value();
}

/// Returns the server's wait status when it has ended and all its messages have been handled.
int KeeperProcess::attend() {
  for (;;) {
    std::array<pollfd, 3> entries{pollfd{signals_.fd(), POLLIN, 0}, pollfd{link_.fd(), POLLIN, 0},
                                  pollfd{starter_.fd(), POLLIN, 0}};
    const int ready = ::poll(entries.data(), entries.size(), longest_wait());
    if (ready == 0 && stopping_ && !killed_ && shm::monotonic_now() >= end_by_) end_late_server();
    if (needs_spill()) spill_.start_if_due(shm::monotonic_now(), log_);
    if (ready > 0 && entries[1].revents != 0) hear();
    if (ready > 0) look_for_starter(entries[2]);
    take_signals();
    reap();
    if (!ended_) continue;
    while (link_.valid()) hear();
    return *std::exchange(ended_, std::nullopt);
  }
}

/// For poll(2), until something is due.
int KeeperProcess::longest_wait() const {
  shm::TimeNs next = stopping_ && !killed_ ? end_by_ : shm::kNever;
  if (needs_spill()) next = std::min(next, spill_.next_start());
  return next == shm::kNever ? -1 : milliseconds_until(next);
}

/// Reaps every child, also unknown ones: pid 1 gets the orphans of its namespace, and a program may have had children
/// before it became the keeper.
void KeeperProcess::reap() {
  int status = 0;
  for (pid_t child = 0; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (child == server_) {
      server_ = 0;
      ended_ = status;
    } else if (child == check_) {
      replace_if(status);
    } else {
      spill_.ended(child, status, shm::monotonic_now(), log_);
      if (spill_.is_unusable() && !stopping_) {
        say("the spill directory cannot be used, and the store has not begun: doliumd ends");
        stop(SIGTERM);
      }
    }
  }
}

/// Never signals process 0, which would be the whole group.
void KeeperProcess::signal_server(int number) {
  if (server_ <= 0) return;
  killed_ = killed_ || number == SIGKILL;
  ::kill(server_, number);
}

/// Kills a server that has not ended in time.
void KeeperProcess::end_late_server() {
  say(served_ ? "the server does not end: it is killed" : "the server was still starting: it is killed");
  signal_server(SIGKILL);
}

void KeeperProcess::hear() {
  Result<KeeperMessage> message = link_.receive();
  if (!message) {  // a message is lost: the next server could not continue
    say(message.error().message);
    link_ = KeeperLink();
    signal_server(SIGKILL);
  } else if (message->kind == Kind::none) {
    link_ = KeeperLink();  // the server is ending, and may still clean up; another message would end it too
  } else if (message->kind == Kind::keep) {
    kept_[message->item.key] = std::move(message->item);
  } else if (message->kind == Kind::forget) {
    kept_.erase(message->item.key);
  } else if (message->kind == Kind::own) {
    own(message->item);
  } else if (message->kind == Kind::ready) {
    log_.follow(*message);
    served_ = ever_served_ = true;
    early_deaths_ = refusals_ = 0;
    starter_.serves();
    if (stopping_) return signal_server(SIGTERM);  // it was started only to stop in order
    if (std::exchange(check_again_, false)) check_successor();
  } else if (message->kind == Kind::replace) {
    asked_ = true;
    set_config_asked(message->item.text);
    check_successor();
  } else if (message->kind == Kind::told_to_end) {
    // The signal was for the server alone; one to the whole group has reached the keeper too, or will. While stopping,
    // the keeper's own signal may have been lost in it.
    if (stopping_) return signal_server(SIGTERM);
    told_to_end_ = std::move(message->item.text);
    check_successor();
  } else if (message->kind == Kind::draining && stopping_) {
    wait_for_disk(message->item.key);
  }
}

/// The server has this time, and then the usual one to end. The spill process lives as long: it is started again if it
/// ends meanwhile, also because the signal to stop was for the whole group.
void KeeperProcess::wait_for_disk(std::uint64_t limit_ms) {
  draining_ = limit_ms != 0;
  spill_.expect_end(!draining_);
  end_by_ = shm::monotonic_now() + (limit_ms + Keeper::kLongestEndMs) * kMillisecond;
  hurry();
}

/// Not by another signal: the server cannot tell it from the first one.
void KeeperProcess::hurry() {
  if (hurries_ && draining_ && !link_.send(Kind::hurry, 0)) signal_server(SIGKILL);
}

/// Signs the store as its owner, and answers. The server waits for the answer, so it is killed if there is none.
void KeeperProcess::own(const KeeperItem& store) {
  const Result<void> signed_it = store.descriptors.size() == 1
                                     ? owner_.sign(store.descriptors.front())
                                     : Error{Errc::protocol_error, "a store without its index"};
  const std::string why_not = signed_it ? "" : signed_it.error().message;
  if (!link_.send(Kind::owned, 0, why_not)) signal_server(SIGKILL);
}

void KeeperProcess::take_signals() {
  while (const std::optional<ReceivedSignal> signal = signals_.next()) {
    if (signal->number == SIGUSR1) {
      log_.reopen();
      signal_server(SIGUSR1);
      spill_.reopen_log();
    } else if (signal->number == SIGHUP) {
      hurry_ = true;
      if (server_ > 0) check_successor();
    } else if (asks_to_stop(signal->number)) {
      stop(signal->number);
    }
  }
}

/// The first signal starts the stop and its time limit; after a further one, the server does not wait for the disk. A
/// server that is still starting would die of the signal, and leave the socket of the one before it: hear() stops it
/// when it is ready.
void KeeperProcess::stop(int number) {
  if (std::exchange(stopping_, true)) {
    hurries_ = true;
    hurry();
  } else {
    spill_.expect_end();
    const int longest = served_ ? Keeper::kLongestEndMs : Keeper::kLongestStartMs;
    end_by_ = shm::monotonic_now() + static_cast<shm::TimeNs>(longest) * kMillisecond;
  }
  if (served_ || !ever_served_) signal_server(number);
}

void KeeperProcess::look_for_starter(const pollfd& entry) {
  if (entry.revents != 0 && starter_.has_gone()) stop(SIGTERM);
}

}  // namespace dolium::daemon

// NOLINTEND(concurrency-mt-unsafe)
