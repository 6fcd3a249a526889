#include "daemon/process/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "shm/os/system_error.h"

namespace dolium::daemon {
namespace {

constexpr std::array kStops = {SIGTERM, SIGINT, SIGQUIT};
constexpr std::array kQueued = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD};
/// Their default action ends or stops a process, and none of them has a meaning for a daemon. Without XFSZ a write
/// beyond the maximum size of a file fails with an error; without TTOU and TTIN a background process may use its
/// terminal.
constexpr std::array kMeaningless = {SIGUSR2, SIGALRM,   SIGPIPE, SIGIO,   SIGVTALRM, SIGPROF,
                                     SIGPWR,  SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGTTIN,   SIGTTOU};

bool is_meaningless(int number) {
  return (number >= SIGRTMIN && number <= SIGRTMAX) || std::ranges::find(kMeaningless, number) != kMeaningless.end();
}

/// Does nothing for signals that cannot be changed (KILL, STOP, and those of the C library).
void set_disposition(int number, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  static_cast<void>(::sigaction(number, &action, nullptr));
}

/// A handler is never inherited: it belongs to this process itself, such as a sanitizer's.
bool is_inherited(int number) noexcept {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t queued_set() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : kQueued) ::sigaddset(&set, number);
  return set;
}

}  // namespace

Result<SignalQueue> SignalQueue::open() {
  // Before the mask: ignoring a signal discards it even if it is blocked and pending.
  const sigset_t queued = queued_set();
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (is_meaningless(number))
      set_disposition(number, SIG_IGN);
    else if (is_inherited(number))
      set_disposition(number, SIG_DFL);
  }
  if (const int error = ::pthread_sigmask(SIG_SETMASK, &queued, nullptr); error != 0)
    return shm::system_error("set the mask of signals", error);
  shm::UniqueFd descriptor(::signalfd(-1, &queued, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor.valid()) return shm::system_error("watch for signals");
  return SignalQueue(std::move(descriptor));
}

std::optional<ReceivedSignal> SignalQueue::next() const noexcept {
  signalfd_siginfo info{};
  if (::read(descriptor_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
  const bool names_a_process = info.ssi_code == SI_USER || info.ssi_code == SI_QUEUE || info.ssi_code == SI_TKILL;
  return ReceivedSignal{static_cast<int>(info.ssi_signo), names_a_process ? static_cast<pid_t>(info.ssi_pid) : 0};
}

bool asks_to_stop(int signal_number) noexcept {
  return std::ranges::find(kStops, signal_number) != kStops.end();
}

void restore_default_signals() noexcept {
  for (int number = 1; number <= SIGRTMAX; ++number) set_disposition(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  static_cast<void>(::pthread_sigmask(SIG_SETMASK, &none, nullptr));
}

const char* signal_name(int signal_number) noexcept {
  switch (signal_number) {
    case SIGTERM: return "SIGTERM";
    case SIGINT: return "SIGINT";
    case SIGQUIT: return "SIGQUIT";
    case SIGHUP: return "SIGHUP";
    case SIGUSR1: return "SIGUSR1";
    default: return "a signal";
  }
}

}  // namespace dolium::daemon
