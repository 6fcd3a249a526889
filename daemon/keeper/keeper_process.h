#pragma once
// KeeperProcess: the loop of Keeper::run(). One turn is one server: start it, attend to it until it has ended, decide
// what follows. keeper_process.cc: a server's life; keeper_check.cc: whether a new server could start;
// keeper_verdict.cc: what follows a server's end.

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "daemon/keeper/check_output.h"
#include "daemon/keeper/owner_mark.h"
#include "daemon/keeper/spill_process.h"
#include "daemon/keeper/starter.h"
#include "daemon/process/keeper_link.h"
#include "daemon/process/keeper_log.h"
#include "daemon/process/oom.h"
#include "daemon/process/signals.h"
#include "shm/os/basic_types.h"

namespace dolium::daemon {

class KeeperProcess {
 public:
  KeeperProcess(std::string program, char** argv, SignalQueue signals, KeeperLog log, Starter starter,
                SpillProcess spill)
      : program_(std::move(program)),
        argv_(argv),
        signals_(std::move(signals)),
        log_(std::move(log)),
        starter_(std::move(starter)),
        spill_(std::move(spill)) {}

  /// Returns the exit status.
  int run();

 private:
  static constexpr shm::TimeNs kMillisecond = 1'000'000;

  // A server's life.
  int serve();
  void say(const std::string& what) const;
  Result<void> start();
  [[nodiscard]] pid_t start_process(const std::string& program, const std::string& variable) const;
  bool pause();
  [[nodiscard]] static int milliseconds_until(shm::TimeNs end);
  [[nodiscard]] bool hand_over(const KeeperItem& item);
  int attend();
  [[nodiscard]] int longest_wait() const;
  [[nodiscard]] bool needs_spill() const noexcept { return ever_served_ && (!stopping_ || draining_); }
  void reap();
  void signal_server(int number);
  void end_late_server();
  void hear();
  void own(const KeeperItem& store);
  void wait_for_disk(std::uint64_t limit_ms);
  void hurry();
  void take_signals();
  void stop(int number);
  void look_for_starter(const pollfd& entry);
  // Whether a new server could start.
  void check_successor();
  static void set_config_asked(const std::string& file);
  void replace_if(int status);
  void refuse_successor();
  void tell_of_signal(const char* outcome);
  // What follows a server's end.
  std::optional<int> refused(const std::string& what);
  std::optional<int> after(int status);
  std::optional<int> after_signal(int status);
  std::optional<int> after_oom_kill(int status);
  std::optional<int> after_stop(int status);
  [[nodiscard]] bool may_drain_again(int status);
  [[nodiscard]] int ended_between_servers() const;
  [[nodiscard]] bool is_out_of_memory(int status) const;
  [[nodiscard]] int give_up(const std::string& why) const;

  // "The server" is the present one.
  const std::string program_;
  char** const argv_;
  const SignalQueue signals_;
  const OomScores scores_ = OomScores::lower_own();
  GrowingPause oom_pause_{kOomPause};
  int oom_pause_ms_ = 0;                    // before the next server
  std::optional<std::uint64_t> oom_kills_;  // the kernel's count when the server was started
  shm::TimeNs started_ = 0;                 // the server
  KeeperLog log_;
  Starter starter_;
  SpillProcess spill_;
  KeeperLink link_;
  pid_t server_ = 0;
  std::optional<int> ended_;  // the server's wait status
  bool killed_ = false;       // by the keeper
  OwnerMark owner_;           // of the store
  std::map<std::uint64_t, KeeperItem> kept_;
  pid_t check_ = 0;           // the process that checks whether a new server could start; 0: none
  bool check_again_ = false;  // something has changed since that check began
  CheckOutput check_output_;
  bool asked_ = false;        // the server waits for the result of the check
  std::string told_to_end_;   // the signal that the server alone was sent; not logged yet
  bool served_ = false;       // the server has served
  bool ever_served_ = false;  // any server has
  bool stopping_ = false;
  shm::TimeNs end_by_ = 0;       // while stopping: when the server is killed
  bool draining_ = false;        // while stopping: the server writes to disk, and needs the spill process
  bool hurries_ = false;         // a second signal to stop came
  bool drained_again_ = false;   // by a second server
  bool hurry_ = false;           // no pause before the next server
  std::optional<Error> lacked_;  // why the server did not get everything
  int early_deaths_ = 0;
  int refusals_ = 0;  // by the system, since a server served
};

}  // namespace dolium::daemon
