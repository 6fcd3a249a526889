#pragma once
// SpillProcess: the keeper's other child, doliumd-spill, which does the disk's I/O for a store with a spill directory.
//
// It is started when the first server serves, and again when it has ended: only after waitpid() has returned it, so two
// of them never use one directory. It is never killed: a process that waits for a hung disk cannot die anyway, and it
// holds the directory's lock. While it is slow the server reports it as stalled. At the end of the daemon it is asked
// to end (SIGTERM), and left behind if it does not within kLongestEndMs.
//
// It gets the token that the server expects through an inherited descriptor, not on its command line:
//
//   doliumd-spill --socket PATH --directory PATH --capacity BYTES --io auto|io_uring|threads --log-level LEVEL
//                 [--log-file PATH] --token-fd N
//
// --capacity 0: no limit. The descriptor holds the token's 32 hexadecimal digits, and is read from its beginning. The
// process logs where the keeper logged at its start.
//
// Not thread-safe.

#include <sys/types.h>

#include <string>
#include <vector>

#include <dolium/result.h>

#include "daemon/process/growing_pause.h"
#include "daemon/process/keeper_log.h"
#include "daemon/process/oom.h"
#include "shm/os/basic_types.h"
#include "shm/os/unique_fd.h"

namespace dolium::daemon {

class SpillProcess {
 public:
  static constexpr int kLongestEndMs = 5000;
  /// Pause before the next start.
  static constexpr GrowingPause::Limits kPause{.first_ms = 50, .longest_ms = 5000, .forgotten = 5'000'000'000};
  /// Longest pause while the directory cannot be used: an operator has to act.
  static constexpr int kLongestUnusableMs = 60'000;

  /// `arguments`: the program and its flags, without --token-fd; empty: there is no spill tier.
  explicit SpillProcess(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}

  /// 32 hexadecimal digits; empty if there is no spill tier. The same as long as the keeper lives.
  [[nodiscard]] Result<std::string> token();
  /// Starts it if it does not run and its pause is over.
  void start_if_due(shm::TimeNs now, const KeeperLog& log);
  /// When to call start_if_due() again; kNever: when a child has ended.
  [[nodiscard]] shm::TimeNs next_start() const noexcept;
  /// A child of the keeper has ended. False: it was another one.
  bool ended(pid_t child, int status, shm::TimeNs now, const KeeperLog& log);
  /// The first process of this daemon could not use its directory (kSpillUnusable). No client was admitted yet.
  [[nodiscard]] bool is_unusable() const noexcept { return unusable_; }
  /// The daemon is stopping: the process ends with the server, and is not started again. Or is it, because it is still
  /// needed.
  void expect_end(bool expected = true) noexcept { ending_ = expected; }
  /// Has it open its log file again.
  void reopen_log() const noexcept;
  /// Asks it to end, and waits.
  void stop(const KeeperLog& log);

 private:
  [[nodiscard]] Result<void> start(shm::TimeNs now);
  [[noreturn]] void become(pid_t keeper);

  std::vector<std::string> arguments_;
  std::string token_;
  shm::UniqueFd token_file_;
  pid_t pid_ = 0;  // 0: it does not run
  shm::TimeNs started_ = 0;
  shm::TimeNs next_start_ = 0;
  GrowingPause pause_{kPause};
  bool ending_ = false;
  bool has_worked_ = false;  // some process ended for another reason than kSpillUnusable
  bool unusable_ = false;
};

}  // namespace dolium::daemon
