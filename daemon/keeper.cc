#include "daemon/keeper.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
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

#include "daemon/check_output.h"
#include "daemon/heap.h"
#include "daemon/keeper_link.h"
#include "shm/last_words.h"
#include "shm/system_error.h"

// One thread: NOLINTBEGIN(concurrency-mt-unsafe)

namespace dolium::daemon {
namespace {

using Kind = KeeperMessage::Kind;
using shm::UniqueFd;

/// The program's file as it was named when we began: a new version may stand there by now.
std::string own_path() {
  std::array<char, 4096> path;
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "/proc/self/exe";
}

constexpr const char* kAsItWas = "/proc/self/exe";  // whatever stands under its name by now

/// In the child. Returns only when it failed.
void become(const std::string& program, char** argv, const std::string& variable, pid_t keeper, const sigset_t& mask) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(EXIT_FAILURE);  // it died before that was asked for
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  if (::setenv(KeeperLink::kVariable, variable.c_str(), 1) != 0) return;
  ::execv(program.c_str(), argv);
  ::execv(kAsItWas, argv);  // its file may have been removed
}

class KeeperProcess {
 public:
  KeeperProcess(std::string program, char** argv, UniqueFd signals, const sigset_t& mask, KeeperLog log,
                Starter starter)
      : program_(std::move(program)),
        argv_(argv),
        signals_(std::move(signals)),
        mask_(mask),
        log_(std::move(log)),
        starter_(std::move(starter)) {}

  int run() {
    for (;;) {
      if (!pause()) return give_up("ended while no server would start");
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
    served_ = asked_ = false;
    const UniqueFd theirs(::dup(ends->second.fd()));  // without close-on-exec
    if (!theirs.valid()) return shm::system_error("give the server its socket");
    server_ = start_process(early_deaths_ == 0 ? program_ : kAsItWas, std::to_string(theirs.get()));
    if (server_ < 0) return shm::system_error("start the server");
    ends->second = KeeperLink();
    lacked_.reset();
    const bool has_all = std::ranges::all_of(kept_, [this](const auto& each) { return hand_over(each.second); });
    // If it has not died of itself: it would wait for the rest for ever. attend() will see.
    if (!has_all || !link_.send(Kind::start, 0)) ::kill(server_, SIGKILL);
    return {};
  }

  [[nodiscard]] pid_t start_process(const std::string& program, const std::string& variable) const {
    const pid_t keeper = ::getpid();
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (variable == KeeperLink::kCheckOnly) check_output_.become_standard_error();
    become(program, argv_, variable, keeper, mask_);
    // The log's thread is the keeper's alone.
    shm::last_words("doliumd: " + shm::system_error("become the server").message + '\n');
    ::_exit(kRefusedBySystem);
  }

  /// Before a server that follows one which did not serve. False: we were told to end meanwhile.
  bool pause() {
    const int tries = early_deaths_ + refusals_;
    if (tries == 0) return true;
    const int longest = std::min(Keeper::kLongestPauseMs, Keeper::kFirstPauseMs << std::min(tries - 1, 10));
    std::array<pollfd, 2> entries{pollfd{signals_.get(), POLLIN, 0}, pollfd{starter_.fd(), POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), longest) > 0) {
      pass_signals();
      look_for_starter(entries[1]);
    }
    return !stopping_;
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
      std::array<pollfd, 3> entries{pollfd{signals_.get(), POLLIN, 0}, pollfd{link_.fd(), POLLIN, 0},
                                    pollfd{starter_.fd(), POLLIN, 0}};
      if (::poll(entries.data(), entries.size(), -1) < 0) continue;  // EINTR
      if (entries[1].revents != 0) hear();
      if ((entries[0].revents & POLLIN) != 0) pass_signals();
      look_for_starter(entries[2]);
      int status = 0;
      if (check_ > 0 && ::waitpid(check_, &status, WNOHANG) == check_) replace_if(status);
      if (::waitpid(server_, &status, WNOHANG) != server_) continue;
      server_ = 0;
      while (link_.valid()) hear();
      return status;
    }
  }

  void hear() {
    Result<KeeperMessage> message = link_.receive();
    if (!message) {  // what was lost cannot be followed
      say(message.error().message);
      link_ = KeeperLink();
      if (server_ > 0) ::kill(server_, SIGKILL);
    } else if (message->kind == Kind::none) {
      link_ = KeeperLink();  // it is ending, and may still have to clean up; having more to say would be its end, too
    } else if (message->kind == Kind::keep) {
      kept_[message->thing.key] = std::move(message->thing);
    } else if (message->kind == Kind::forget) {
      kept_.erase(message->thing.key);
    } else if (message->kind == Kind::ready) {
      log_.follow(*message);
      served_ = ever_served_ = true;
      early_deaths_ = refusals_ = 0;
      starter_.serves();
      if (std::exchange(check_again_, false)) check_successor();
    } else if (message->kind == Kind::replace) {
      asked_ = true;
      set_config_asked(message->thing.text);
      check_successor();
    }
  }

  void pass_signals() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return;
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGCHLD) return;
    if (number == SIGHUP) return check_successor();
    stop(number);
  }

  void stop(int number) {
    stopping_ = true;
    if (server_ > 0) ::kill(server_, number);
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
    if (!served_) {  // it is still starting, and may have read what was there before
      check_again_ = true;
    } else if (std::exchange(check_again_, false)) {
      check_successor();
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
      asked_ = false;
      ::kill(server_, SIGHUP);
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
    if (std::exchange(asked_, false) && !link_.send(Kind::refuse, 0, why)) ::kill(server_, SIGKILL);
  }

  /// What to exit with, or nothing when another server is to follow.
  std::optional<int> after(int status) {
    const bool was_refused = WIFEXITED(status) && WEXITSTATUS(status) == kRefusedBySystem;
    if (was_refused && kept_.empty()) return EXIT_FAILURE;  // it has said why
    // One that was to go on with a store, and would not start, is no reason to let go of the store.
    const bool would_not_follow = WIFEXITED(status) && !was_refused && ever_served_ && !served_ && !stopping_;
    if (WIFEXITED(status) && WEXITSTATUS(status) != Keeper::kRestart && !was_refused && !would_not_follow)
      return WEXITSTATUS(status);
    if (stopping_) return give_up("the server was killed while it was ending");
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
    const std::string how = "the server was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
                            ::strsignal(WTERMSIG(status)) + ")";
    if (early_deaths_ == Keeper::kMaxEarlyDeaths)
      return give_up(how + ", as " + std::to_string(Keeper::kMaxEarlyDeaths - 1) +
                     " before it, and none of them ever served: giving up, and with it all objects");
    say(how + ": another one goes on with its objects");
    return std::nullopt;
  }

  [[nodiscard]] int give_up(const std::string& why) const {
    say(why);
    return EXIT_FAILURE;
  }

  const std::string program_;
  char** const argv_;
  const UniqueFd signals_;
  const sigset_t mask_;  // as we were given it, for the server
  KeeperLog log_;
  Starter starter_;
  KeeperLink link_;
  pid_t server_ = 0;
  std::map<std::uint64_t, Kept> kept_;
  pid_t check_ = 0;           // the process that looks whether another server could go on; 0: none
  bool check_again_ = false;  // something has changed since it began
  CheckOutput check_output_;
  bool asked_ = false;   // the server waits to hear what came of it
  bool served_ = false;  // the server that there is
  bool ever_served_ = false;
  bool stopping_ = false;
  std::optional<Error> lacked_;  // why the server that there is was not given all, which was not its fault
  int early_deaths_ = 0;
  int refusals_ = 0;  // since a server served
};

}  // namespace

int Keeper::run(char** argv, KeeperLog log, Starter starter) {
  sigset_t ours;
  sigset_t before;
  ::sigemptyset(&ours);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&ours, number);
  ::sigprocmask(SIG_BLOCK, &ours, &before);
  UniqueFd signals(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) {
    log->critical("{}", shm::system_error("watch for signals").message);
    return EXIT_FAILURE;
  }
  return KeeperProcess(own_path(), argv, std::move(signals), before, std::move(log), std::move(starter)).run();
}

}  // namespace dolium::daemon

// NOLINTEND(concurrency-mt-unsafe)
