#include "daemon/keeper/keeper.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "daemon/keeper/check_output.h"
#include "daemon/keeper/owner_mark.h"
#include "daemon/process/heap.h"
#include "daemon/process/keeper_link.h"
#include "daemon/process/oom.h"
#include "daemon/process/process_title.h"
#include "daemon/process/signals.h"
#include "shm/os/memory_cgroup.h"
#include "shm/os/monotonic_clock.h"
#include "shm/os/system_error.h"

// One thread: NOLINTBEGIN(concurrency-mt-unsafe)

namespace dolium::daemon {
namespace {

using Kind = KeeperMessage::Kind;
using shm::UniqueFd;

constexpr shm::TimeNs kMillisecond = 1'000'000;

/// In the child. Returns only when it failed.
void become(const std::string& program, char** argv, const std::string& variable, pid_t keeper, OomScores scores) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(EXIT_FAILURE);  // it died before that was asked for
  scores.set_servers();
  restore_default_signals();
  if (::setenv(KeeperLink::kVariable, variable.c_str(), 1) != 0) return;
  ::execv(program.c_str(), argv);
  ::execv(kAsItWas, argv);  // its file may have been removed
}

class KeeperProcess {
 public:
  KeeperProcess(std::string program, char** argv, SignalQueue signals, KeeperLog log, Starter starter)
      : program_(std::move(program)),
        argv_(argv),
        signals_(std::move(signals)),
        log_(std::move(log)),
        starter_(std::move(starter)) {}

  int run() {
    for (;;) {
      if (!pause()) return ended_between_servers();
      const Result<void> started = start();
      const std::optional<int> code = started ? after(attend()) : refused(started.error().message);
      if (code) return *code;
    }
  }

 private:
  void say(const std::string& what) const { log_->error("{}", what); }

  Result<void> start() {
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
    // If it has not died of itself: it would wait for the rest for ever. attend() will see.
    if (!has_all || !link_.send(Kind::start, KeeperLink::kVersion)) signal_server(SIGKILL);
    return {};
  }

  [[nodiscard]] pid_t start_process(const std::string& program, const std::string& variable) const {
    const pid_t keeper = ::getpid();
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (variable == KeeperLink::kCheckOnly) check_output_.become_standard_error();
    become(program, argv_, variable, keeper, scores_);
    log_.last_words(shm::system_error("become the server").message);
    ::_exit(kRefusedBySystem);
  }

  /// Before a server that follows one which did not serve, or was killed for want of memory. SIGHUP cuts it short.
  /// False: we were told to end meanwhile.
  bool pause() {
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

  /// For poll(2), rounded up.
  [[nodiscard]] static int milliseconds_until(shm::TimeNs end) {
    const shm::TimeNs now = shm::monotonic_now();
    return now >= end ? 0 : static_cast<int>((end - now + kMillisecond - 1) / kMillisecond);
  }

  /// After what the system would not do.
  std::optional<int> refused(const std::string& what) {
    if (kept_.empty()) return give_up(what);
    ++refusals_;
    say(what + ": trying again; the objects are kept");
    return std::nullopt;
  }

  [[nodiscard]] bool hand_over(const Kept& thing) {
    std::vector<int> descriptors;
    for (const UniqueFd& fd : thing.descriptors) descriptors.push_back(fd.get());
    const Result<void> sent = link_.send(Kind::keep, thing.key, thing.text, descriptors);
    if (!sent && sent.error().code == Errc::out_of_memory) lacked_ = sent.error();
    return sent.has_value();
  }

  /// Until the server has ended, and all that it said has been heard; returns its wait status.
  int attend() {
    for (;;) {
      std::array<pollfd, 3> entries{pollfd{signals_.fd(), POLLIN, 0}, pollfd{link_.fd(), POLLIN, 0},
                                    pollfd{starter_.fd(), POLLIN, 0}};
      const int longest = stopping_ && !killed_ ? milliseconds_until(end_by_) : -1;
      const int ready = ::poll(entries.data(), entries.size(), longest);
      if (ready == 0) end_late_server();
      if (ready > 0 && entries[1].revents != 0) hear();
      if (ready > 0) look_for_starter(entries[2]);
      take_signals();
      reap();
      if (!ended_) continue;
      while (link_.valid()) hear();
      return *std::exchange(ended_, std::nullopt);
    }
  }

  /// Takes notice of every child that has ended, also of those that are not ours: pid 1 is given the orphans of its
  /// namespace, and a program may have had children before it became the keeper.
  void reap() {
    int status = 0;
    for (pid_t child = 0; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (child == server_) {
        server_ = 0;
        ended_ = status;
      } else if (child == check_) {
        replace_if(status);
      }
    }
  }

  /// Never to process 0, which would be our whole group.
  void signal_server(int number) {
    if (server_ <= 0) return;
    killed_ = killed_ || number == SIGKILL;
    ::kill(server_, number);
  }

  /// One that was told to end, and did not.
  void end_late_server() {
    say(served_ ? "the server does not end: it is killed" : "the server was still starting: it is killed");
    signal_server(SIGKILL);
  }

  void hear() {
    Result<KeeperMessage> message = link_.receive();
    if (!message) {  // what was lost cannot be followed
      say(message.error().message);
      link_ = KeeperLink();
      signal_server(SIGKILL);
    } else if (message->kind == Kind::none) {
      link_ = KeeperLink();  // it is ending, and may still have to clean up; having more to say would be its end, too
    } else if (message->kind == Kind::keep) {
      kept_[message->thing.key] = std::move(message->thing);
    } else if (message->kind == Kind::forget) {
      kept_.erase(message->thing.key);
    } else if (message->kind == Kind::own) {
      own(message->thing);
    } else if (message->kind == Kind::ready) {
      log_.follow(*message);
      served_ = ever_served_ = true;
      early_deaths_ = refusals_ = 0;
      starter_.serves();
      if (stopping_) return signal_server(SIGTERM);  // it was started to end in order
      if (std::exchange(check_again_, false)) check_successor();
    } else if (message->kind == Kind::replace) {
      asked_ = true;
      set_config_asked(message->thing.text);
      check_successor();
    } else if (message->kind == Kind::told_to_end) {
      // By a signal of its own; one to the whole group has come to us, too, or is on its way.
      if (stopping_) return signal_server(SIGTERM);
      say("the server was sent " + message->thing.text + ": it is replaced, and the objects stay");
      check_successor();
    }
  }

  /// What cannot be answered, the server cannot wait for.
  void own(const Kept& store) {
    const Result<void> signed_it = store.descriptors.size() == 1
                                       ? owner_.sign(store.descriptors.front())
                                       : Error{Errc::protocol_error, "a store without its index"};
    const std::string why_not = signed_it ? "" : signed_it.error().message;
    if (!link_.send(Kind::owned, 0, why_not)) signal_server(SIGKILL);
  }

  void take_signals() {
    while (const std::optional<ReceivedSignal> signal = signals_.next()) {
      if (signal->number == SIGUSR1) {
        log_.reopen();
        signal_server(SIGUSR1);
      } else if (signal->number == SIGHUP) {
        hurry_ = true;
        if (server_ > 0) check_successor();
      } else if (asks_to_stop(signal->number)) {
        stop(signal->number);
      }
    }
  }

  /// Once: what comes again, or to the whole group, changes nothing.
  void stop(int number) {
    if (!std::exchange(stopping_, true)) {
      const int longest = served_ ? Keeper::kLongestEndMs : Keeper::kLongestStartMs;
      end_by_ = shm::monotonic_now() + static_cast<shm::TimeNs>(longest) * kMillisecond;
    }
    signal_server(number);
  }

  void look_for_starter(const pollfd& entry) {
    if (entry.revents != 0 && starter_.has_gone()) stop(SIGTERM);
  }

  /// Before the server is let go: with what it could not start, nobody could go on. One at a time; a configuration that
  /// changes meanwhile is looked at again.
  void check_successor() {
    if (check_ > 0) {
      check_again_ = true;
      return;
    }
    check_output_.clear();
    check_ = start_process(program_, KeeperLink::kCheckOnly);
    set_config_asked("");  // of whoever asked for this check alone
    if (check_ > 0) return;
    say(shm::system_error("check whether another server could go on").message);
    refuse_successor();
  }

  static void set_config_asked(const std::string& file) {
    if (file.empty())
      ::unsetenv(KeeperLink::kConfigVariable);
    else
      ::setenv(KeeperLink::kConfigVariable, file.c_str(), 1);
  }

  void replace_if(int status) {
    check_ = 0;
    if (stopping_) return;
    // A signal to the whole group ended it.
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGHUP || asks_to_stop(WTERMSIG(status)))) return check_successor();
    if (!served_) {  // it is still starting, and may have read what was there before
      check_again_ = true;
    } else if (std::exchange(check_again_, false)) {
      check_successor();
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
      asked_ = false;
      signal_server(SIGHUP);
    } else {
      refuse_successor();
    }
  }

  void refuse_successor() {
    std::string why;
    for (const std::string& line : check_output_.lines()) {
      say(line);
      why += (why.empty() ? "" : "; ") + line;
    }
    say("no other server could go on with this configuration and program: the one that serves stays as it is");
    if (why.empty()) why = "no other server could be started: the daemon's log says more";
    if (std::exchange(asked_, false) && server_ > 0 && !link_.send(Kind::refuse, 0, why)) signal_server(SIGKILL);
  }

  /// What to exit with, or nothing when another server is to follow.
  std::optional<int> after(int status) {
    if (stopping_) return after_stop(status);
    const bool was_refused = WIFEXITED(status) && WEXITSTATUS(status) == kRefusedBySystem;
    if (was_refused && kept_.empty()) return EXIT_FAILURE;  // it has said why
    // One that was to go on with a store, and would not start, is no reason to let go of the store.
    const bool would_not_follow = WIFEXITED(status) && !was_refused && ever_served_ && !served_;
    if (WIFEXITED(status) && WEXITSTATUS(status) != Keeper::kRestart && !was_refused && !would_not_follow)
      return WEXITSTATUS(status);
    if (owner_.ended()) return give_up("the server was killed while it was ending");
    if (was_refused && served_) {
      say("another server goes on with the objects");
      return std::nullopt;
    }
    if (was_refused) return refused("the server could not start");
    if (WIFEXITED(status) && !would_not_follow) return std::nullopt;
    if (lacked_) return refused("the server could not be given what there is: " + lacked_->message);
    early_deaths_ = served_ ? 0 : early_deaths_ + 1;
    if (would_not_follow) {  // it has said why; an operator may mend that, and the objects are worth the wait
      say("the server would not start: mend what it says; the objects are kept, and it is tried again");
      return std::nullopt;
    }
    return is_out_of_memory(status) ? after_oom_kill(status) : after_signal(WTERMSIG(status));
  }

  std::optional<int> after_signal(int number) {
    const std::string how =
        "the server was ended by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
    if (early_deaths_ == Keeper::kMaxEarlyDeaths)
      return give_up(how + ", as " + std::to_string(Keeper::kMaxEarlyDeaths - 1) +
                     " before it, and none of them ever served: giving up, and with it all objects");
    say(how + ": another one goes on with its objects");
    return std::nullopt;
  }

  /// As long as there are objects, a want of memory is no reason to let go of them.
  std::optional<int> after_oom_kill(int status) {
    oom_pause_ms_ = oom_pause_.after_kill(shm::monotonic_now() - started_);
    say("the kernel killed the server because memory ran out (OOM kill): lower --capacity, or raise the memory limit "
        "of "
        "its cgroup");
    if (kept_.empty()) return after_signal(WTERMSIG(status));
    early_deaths_ = 0;
    say("another server goes on with the objects in " + std::to_string(oom_pause_ms_) + " ms");
    return std::nullopt;
  }

  /// The same, after we were told to end.
  std::optional<int> after_stop(int status) {
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kRefusedBySystem;
    // It was making way when we were told: its clients are to hear of the end, and its socket is to go.
    if (code == Keeper::kRestart && served_) return std::nullopt;
    if (WIFSIGNALED(status) && (killed_ || (!served_ && asks_to_stop(WTERMSIG(status))))) return EXIT_SUCCESS;
    if (!served_ && ever_served_) return ended_between_servers();
    if (code != kRefusedBySystem) return code;
    return give_up("the server did not end in order");
  }

  [[nodiscard]] int ended_between_servers() const {
    if (!ever_served_) return give_up("ended while no server would start");
    say("ended while no server was running: the objects are gone");
    return EXIT_SUCCESS;
  }

  /// The keeper itself kills with SIGKILL, too, what may have been killed already, and so may an operator: the kernel
  /// counts what it killed.
  [[nodiscard]] bool is_out_of_memory(int status) const {
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || !oom_kills_) return false;
    return shm::count_oom_kills().value_or(0) > *oom_kills_;
  }

  [[nodiscard]] int give_up(const std::string& why) const {
    say(why);
    return EXIT_FAILURE;
  }

  const std::string program_;
  char** const argv_;
  const SignalQueue signals_;
  const OomScores scores_ = OomScores::lower_own();
  OomPause oom_pause_;
  int oom_pause_ms_ = 0;                    // before the next server
  std::optional<std::uint64_t> oom_kills_;  // what the kernel had counted when the server was started
  shm::TimeNs started_ = 0;                 // the server that there is
  KeeperLog log_;
  Starter starter_;
  KeeperLink link_;
  pid_t server_ = 0;
  std::optional<int> ended_;  // its wait status
  bool killed_ = false;       // by us
  OwnerMark owner_;           // of the store
  std::map<std::uint64_t, Kept> kept_;
  pid_t check_ = 0;           // the process that looks whether another server could go on; 0: none
  bool check_again_ = false;  // something has changed since it began
  CheckOutput check_output_;
  bool asked_ = false;   // the server waits to hear what came of it
  bool served_ = false;  // the server that there is
  bool ever_served_ = false;
  bool stopping_ = false;
  shm::TimeNs end_by_ = 0;       // when stopping: then the server is killed
  bool hurry_ = false;           // the next server shall not wait
  std::optional<Error> lacked_;  // why the server that there is was not given all, which was not its fault
  int early_deaths_ = 0;
  int refusals_ = 0;  // since a server served
};

}  // namespace

int Keeper::run(char** argv, KeeperLog log, Starter starter) {
  Result<SignalQueue> signals = SignalQueue::open();
  if (!signals) {
    log->critical("{}", signals.error().message);
    return EXIT_FAILURE;
  }
  return KeeperProcess(own_program(), argv, *std::move(signals), std::move(log), std::move(starter)).run();
}

}  // namespace dolium::daemon

// NOLINTEND(concurrency-mt-unsafe)
