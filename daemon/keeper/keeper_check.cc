// Whether a new server could start, found out before the old one is told to end. See keeper_process.h.

#include "daemon/keeper/keeper_process.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "shm/os/system_error.h"

// One thread: NOLINTBEGIN(concurrency-mt-unsafe)

namespace dolium::daemon {

using Kind = KeeperMessage::Kind;

/// Starts a process that checks whether a new server could start: the old server ends only if it could. One check at a
/// time; if something changes meanwhile, the check is repeated.
void KeeperProcess::check_successor() {
  if (check_ > 0) {
    check_again_ = true;
    return;
  }
  check_output_.clear();
  check_ = start_process(program_, KeeperLink::kCheckOnly);
  set_config_asked("");  // it is meant for this check alone
  if (check_ > 0) return;
  say(shm::system_error("check whether a new server could start").message);
  refuse_successor();
}

void KeeperProcess::set_config_asked(const std::string& file) {
  if (file.empty())
    ::unsetenv(KeeperLink::kConfigVariable);
  else
    ::setenv(KeeperLink::kConfigVariable, file.c_str(), 1);
}

void KeeperProcess::replace_if(int status) {
  check_ = 0;
  if (stopping_) return;
  // A signal to the whole group ended the check.
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGHUP || asks_to_stop(WTERMSIG(status)))) return check_successor();
  if (!served_) {  // the server is still starting, and may have read an older configuration
    check_again_ = true;
  } else if (std::exchange(check_again_, false)) {
    check_successor();
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
    asked_ = false;
    tell_of_signal("it is restarted, and the objects are kept");
    signal_server(SIGHUP);
  } else {
    refuse_successor();
  }
}

/// Logs the signal only after the check: a signal to the whole group may reach the server a moment before the keeper,
/// and then the server is not restarted.
void KeeperProcess::tell_of_signal(const char* outcome) {
  if (told_to_end_.empty()) return;
  log_->warn("the server was sent {}: {}", std::exchange(told_to_end_, ""), outcome);
}

void KeeperProcess::refuse_successor() {
  tell_of_signal("it cannot be restarted");
  std::string why;
  for (const std::string& line : check_output_.lines()) {
    say(line);
    why += (why.empty() ? "" : "; ") + line;
  }
  say("a new server could not start with this configuration and program: the old server keeps running");
  if (why.empty()) why = "no new server could be started: see the daemon's log";
  if (std::exchange(asked_, false) && server_ > 0 && !link_.send(Kind::refuse, 0, why)) signal_server(SIGKILL);
}

}  // namespace dolium::daemon

// NOLINTEND(concurrency-mt-unsafe)
