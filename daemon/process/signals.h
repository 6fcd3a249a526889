#pragma once
// Signals: what both processes of doliumd do on each.
//
//   TERM, INT, QUIT   to the keeper: an orderly stop; to the server alone: a restart of the server
//   HUP               a restart of the server, also if the daemon was started under nohup
//   USR1              open the log file again
//   CHLD              the keeper reaps
//   meaningless ones  ignored: USR2, ALRM, PIPE, IO, VTALRM, PROF, PWR, STKFLT, XCPU, XFSZ, TTIN, TTOU, and real-time
//   ones errors            default: SEGV, BUS, FPE, ILL, TRAP, SYS and ABRT end the process
//
// The first four rows are blocked during the whole life of a process and read from a descriptor: no signal interrupts
// an orderly stop. A process inherits dispositions and a mask from the program that started it; SignalQueue::open()
// resets both.

#include <sys/types.h>

#include <optional>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {

/// A signal that was sent, and the process that sent it.
struct ReceivedSignal {
  int number = 0;
  pid_t sender = 0;  ///< 0: the kernel, a terminal, or a process of another pid namespace
};

/// Signals as a descriptor that becomes readable. A resource: moves.
class SignalQueue {
 public:
  /// Call it first in a process. Resets inherited dispositions, ignores meaningless signals, and blocks exactly the
  /// signals that the queue reads. Threads that start later inherit that mask.
  [[nodiscard]] static Result<SignalQueue> open();

  /// The next signal; nothing when there is none. Does not block.
  [[nodiscard]] std::optional<ReceivedSignal> next() const noexcept;
  [[nodiscard]] int fd() const noexcept { return descriptor_.get(); }

 private:
  explicit SignalQueue(shm::UniqueFd descriptor) : descriptor_(std::move(descriptor)) {}
  shm::UniqueFd descriptor_;
};

/// True for SIGTERM, SIGINT and SIGQUIT.
[[nodiscard]] bool asks_to_stop(int signal_number) noexcept;

/// Sets all dispositions to their defaults and blocks no signal, before exec.
void restore_default_signals() noexcept;

/// "SIGTERM".
[[nodiscard]] const char* signal_name(int signal_number) noexcept;

}  // namespace dolium::daemon
