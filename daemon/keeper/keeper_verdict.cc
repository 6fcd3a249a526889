// What follows a server's end. See keeper_process.h.

#include "daemon/keeper/keeper_process.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "daemon/keeper/keeper.h"
#include "daemon/process/child_end.h"
#include "daemon/process/heap.h"
#include "shm/os/memory_cgroup.h"
#include "shm/os/monotonic_clock.h"

// One thread: NOLINTBEGIN(concurrency-mt-unsafe)

namespace dolium::daemon {

/// The system has refused something. Gives up if there is nothing to keep.
std::optional<int> KeeperProcess::refused(const std::string& what) {
  if (kept_.empty()) return give_up(what);
  ++refusals_;
  say(what + ": trying again; the objects are kept");
  return std::nullopt;
}

/// Returns the keeper's exit status, or nothing if another server is to follow.
std::optional<int> KeeperProcess::after(int status) {
  if (stopping_) return after_stop(status);
  const bool was_refused = WIFEXITED(status) && WEXITSTATUS(status) == kRefusedBySystem;
  if (was_refused && kept_.empty()) return EXIT_FAILURE;  // the server has logged why
  // A server that does not start is no reason to give up a store.
  const bool would_not_follow = WIFEXITED(status) && !was_refused && ever_served_ && !served_;
  if (WIFEXITED(status) && WEXITSTATUS(status) != KeeperLink::kRestart && !was_refused && !would_not_follow)
    return WEXITSTATUS(status);
  if (owner_.ended()) return give_up("the server was killed while it was ending");
  if (was_refused && served_) {
    say("restarting the server; the objects are kept");
    return std::nullopt;
  }
  if (was_refused) return refused("the server could not start");
  if (WIFEXITED(status) && !would_not_follow) return std::nullopt;
  if (lacked_) return refused("the server could not be given the store: " + lacked_->message);
  early_deaths_ = served_ ? 0 : early_deaths_ + 1;
  if (would_not_follow) {  // it has logged why; an operator may remove the cause, and the objects are worth the wait
    say("the server did not start: remove the cause that it logged; the objects are kept, trying again");
    return std::nullopt;
  }
  return is_out_of_memory(status) ? after_oom_kill(status) : after_signal(status);
}

std::optional<int> KeeperProcess::after_signal(int status) {
  const std::string how = "the server was ended " + end_text(status);
  if (early_deaths_ == Keeper::kMaxEarlyDeaths)
    return give_up(how + ", like the " + std::to_string(Keeper::kMaxEarlyDeaths - 1) +
                   " before it, and none of them served: giving up, all objects are lost");
  say(how + ": restarting it with the same objects");
  return std::nullopt;
}

/// While there are objects, lack of memory is no reason to give them up.
std::optional<int> KeeperProcess::after_oom_kill(int status) {
  oom_pause_ms_ = oom_pause_.after(shm::monotonic_now() - started_);
  say("the kernel killed the server because memory ran out (OOM kill): lower --capacity, or raise the memory limit "
      "of its cgroup");
  if (kept_.empty()) return after_signal(status);
  early_deaths_ = 0;
  say("restarting it with the same objects in " + std::to_string(oom_pause_ms_) + " ms");
  return std::nullopt;
}

/// The same, while the keeper is stopping.
std::optional<int> KeeperProcess::after_stop(int status) {
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kRefusedBySystem;
  // The server was restarting, or had run out of memory, when the stop came: another one tells the clients of the end,
  // and removes the socket.
  if (WIFEXITED(status) && (code == KeeperLink::kRestart || code == kRefusedBySystem) && served_) return std::nullopt;
  if (may_drain_again(status)) return std::nullopt;
  if (WIFSIGNALED(status) && (killed_ || (!served_ && asks_to_stop(WTERMSIG(status))))) return EXIT_SUCCESS;
  if (!served_ && ever_served_) return ended_between_servers();
  if (code != kRefusedBySystem) return code;
  return give_up("the server did not stop in order");
}

/// The server has died while it wrote to disk. All that it had not written is in memory: another server goes on. Once.
bool KeeperProcess::may_drain_again(int status) {
  const bool died = std::exchange(draining_, false) && WIFSIGNALED(status) && !killed_ && !owner_.ended();
  if (!died || std::exchange(drained_again_, true)) return false;
  say("the server was ended " + end_text(status) + " while it wrote kept objects to disk: a new server continues");
  return true;
}

int KeeperProcess::ended_between_servers() const {
  if (!ever_served_) return give_up("stopped before a server could start");
  say("ended while no server was running: the objects are gone");
  return EXIT_SUCCESS;
}

/// A SIGKILL may also come from the keeper or an operator: the kernel's own count of OOM kills tells.
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
