// What follows a server's end. See keeper_process.h.

#include "daemon/keeper/keeper_process.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "daemon/keeper/keeper.h"
#include "daemon/process/heap.h"
#include "shm/os/memory_cgroup.h"
#include "shm/os/monotonic_clock.h"

// One thread: NOLINTBEGIN(concurrency-mt-unsafe)

namespace dolium::daemon {

/// After what the system would not do.
std::optional<int> KeeperProcess::refused(const std::string& what) {
  if (kept_.empty()) return give_up(what);
  ++refusals_;
  say(what + ": trying again; the objects are kept");
  return std::nullopt;
}

/// What to exit with, or nothing when another server is to follow.
std::optional<int> KeeperProcess::after(int status) {
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

std::optional<int> KeeperProcess::after_signal(int number) {
  const std::string how = "the server was ended by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
  if (early_deaths_ == Keeper::kMaxEarlyDeaths)
    return give_up(how + ", as " + std::to_string(Keeper::kMaxEarlyDeaths - 1) +
                   " before it, and none of them ever served: giving up, and with it all objects");
  say(how + ": another one goes on with its objects");
  return std::nullopt;
}

/// As long as there are objects, a want of memory is no reason to let go of them.
std::optional<int> KeeperProcess::after_oom_kill(int status) {
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
std::optional<int> KeeperProcess::after_stop(int status) {
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kRefusedBySystem;
  // It was making way when we were told: its clients are to hear of the end, and its socket is to go.
  if (code == Keeper::kRestart && served_) return std::nullopt;
  if (WIFSIGNALED(status) && (killed_ || (!served_ && asks_to_stop(WTERMSIG(status))))) return EXIT_SUCCESS;
  if (!served_ && ever_served_) return ended_between_servers();
  if (code != kRefusedBySystem) return code;
  return give_up("the server did not end in order");
}

int KeeperProcess::ended_between_servers() const {
  if (!ever_served_) return give_up("ended while no server would start");
  say("ended while no server was running: the objects are gone");
  return EXIT_SUCCESS;
}

/// The keeper itself kills with SIGKILL, too, what may have been killed already, and so may an operator: the kernel
/// counts what it killed.
bool KeeperProcess::is_out_of_memory(int status) const {
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || !oom_kills_) return false;
  return shm::count_oom_kills().value_or(0) > *oom_kills_;
}

int KeeperProcess::give_up(const std::string& why) const {
  say(why);
  return EXIT_FAILURE;
}

}  // namespace dolium::daemon

// NOLINTEND(concurrency-mt-unsafe)
