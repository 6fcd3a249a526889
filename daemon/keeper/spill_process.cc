#include "daemon/keeper/spill_process.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

#include "daemon/process/child_end.h"
#include "daemon/process/signals.h"
#include "daemon/process/spill_program.h"
#include "shm/os/monotonic_clock.h"
#include "shm/os/random_bytes.h"
#include "shm/os/system_error.h"

namespace dolium::daemon {
namespace {

constexpr shm::TimeNs kMillisecond = 1'000'000;

}  // namespace

Result<std::string> SpillProcess::token() {
  if (arguments_.empty() || !token_.empty()) return token_;
  std::array<std::uint64_t, 2> random{};
  if (!shm::random_bytes(std::as_writable_bytes(std::span(random))))
    return shm::system_error("make the spill process's token");
  const std::string text = fmt::format("{:016x}{:016x}", random[0], random[1]);
  token_file_ = shm::UniqueFd(::memfd_create("doliumd spill token", MFD_CLOEXEC));
  if (!token_file_.valid() ||
      ::pwrite(token_file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return shm::system_error("keep the spill process's token");
  return token_ = text;
}

shm::TimeNs SpillProcess::next_start() const noexcept {
  return arguments_.empty() || token_.empty() || pid_ != 0 || ending_ ? shm::kNever : next_start_;
}

void SpillProcess::start_if_due(shm::TimeNs now, const KeeperLog& log) {
  if (now < next_start()) return;
  if (const Result<void> started = start(now); !started) {
    log->error("the spill process could not be started: {}; trying again", started.error().message);
    next_start_ = now + static_cast<shm::TimeNs>(kPause.longest_ms) * kMillisecond;
  }
}

Result<void> SpillProcess::start(shm::TimeNs now) {
  const pid_t keeper = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return shm::system_error("make a process");
  if (child == 0) become(keeper);
  pid_ = child;
  started_ = now;
  return {};
}

/// In the child.
void SpillProcess::become(pid_t keeper) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != keeper) ::_exit(EXIT_FAILURE);  // it died before the line above
  restore_default_signals();
  sigset_t reopen{};  // until the program takes it: its default action would end the process
  sigemptyset(&reopen);
  sigaddset(&reopen, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &reopen, nullptr);
  const int token = ::dup(token_file_.get());  // without close-on-exec
  std::vector<std::string> words = arguments_;
  words.insert(words.end(), {"--token-fd", std::to_string(token)});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (token >= 0) ::execv(argv.front(), argv.data());
  const std::string line = "doliumd: " + shm::system_error("execute " + words.front()).message + "\n";
  static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()) == 0);
  ::_exit(EXIT_FAILURE);
}

bool SpillProcess::ended(pid_t child, int status, shm::TimeNs now, const KeeperLog& log) {
  if (child != pid_ || pid_ == 0) return false;
  pid_ = 0;
  if (ending_) {
    next_start_ = now;
    return true;
  }
  const bool is_unusable = WIFEXITED(status) && WEXITSTATUS(status) == kSpillUnusable;
  unusable_ = is_unusable && !has_worked_;
  if (unusable_) return true;
  has_worked_ = true;
  const int pause_ms = pause_.after(now - started_, is_unusable ? kLongestUnusableMs : kPause.longest_ms);
  next_start_ = now + static_cast<shm::TimeNs>(pause_ms) * kMillisecond;
  log->error("the spill process has ended {}: starting it again in {} ms; what is on disk stays there",
             end_text(status), pause_ms);
  return true;
}

void SpillProcess::reopen_log() const noexcept {
  if (pid_ != 0) ::kill(pid_, SIGUSR1);
}

void SpillProcess::stop(const KeeperLog& log) {
  if (pid_ == 0) return;
  sigset_t child{};
  sigset_t before{};
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &child, &before);
  ::kill(pid_, SIGTERM);
  const shm::TimeNs end = shm::monotonic_now() + static_cast<shm::TimeNs>(kLongestEndMs) * kMillisecond;
  for (;;) {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) break;
    const shm::TimeNs now = shm::monotonic_now();
    if (now >= end) {
      log->error("the spill process {} does not end: its disk does not answer; it keeps the lock of its directory",
                 pid_);
      break;
    }
    // Pending from the child's end on.
    const timespec left{static_cast<time_t>((end - now) / 1'000'000'000),
                        static_cast<long>((end - now) % 1'000'000'000)};
    ::sigtimedwait(&child, nullptr, &left);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pid_ = 0;
}

}  // namespace dolium::daemon
