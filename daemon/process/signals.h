#pragma once
// Signals: what both processes of doliumd make of them.
//
//   TERM, INT, QUIT   an orderly stop, to the keeper; to the server alone: a restart of the server
//   HUP               a restart of the server, also where it was started under nohup
//   USR1              the log file is opened again
//   CHLD              the keeper reaps
//   meaningless ones  ignored: USR2, ALRM, PIPE, IO, VTALRM, PROF, PWR, STKFLT, XCPU, XFSZ, TTIN, TTOU, real-time
//   signals errors            left alone: SEGV, BUS, FPE, ILL, TRAP, SYS and ABRT end the process as they do everywhere
//
// The first four rows are blocked for the whole life of a process and read from a descriptor: none of them ends a
// process half-way through its own end. A process inherits dispositions and a mask from the program that started it;
// SignalQueue::open() undoes both.

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
  /// First thing in a process: undoes inherited dispositions, ignores what is meaningless here, and blocks exactly the
  /// signals that the queue reads. Threads that start later inherit that mask.
  [[nodiscard]] static Result<SignalQueue> open();

  /// The next signal; nothing when there is none. Does not block.
  [[nodiscard]] std::optional<ReceivedSignal> next() const noexcept;
  [[nodiscard]] int fd() const noexcept { return descriptor_.get(); }

 private:
  explicit SignalQueue(shm::UniqueFd descriptor) : descriptor_(std::move(descriptor)) {}
  shm::UniqueFd descriptor_;
};

/// Whether it asks for an orderly stop.
[[nodiscard]] bool asks_to_stop(int signal_number) noexcept;

/// All dispositions at their defaults, no signal blocked: for a program that this process is about to become.
void restore_default_signals() noexcept;

/// "SIGTERM".
[[nodiscard]] const char* signal_name(int signal_number) noexcept;

}  // namespace dolium::daemon
