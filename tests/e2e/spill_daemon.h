#pragma once
// SpillDaemon: a doliumd with a spill tier in a directory on a disk, for one test; and what can be done to its third
// process.

#include <string>
#include <vector>

#include "tests/e2e/daemon_fixture.h"
#include "tests/temporary_directory.h"

namespace dolium::e2e {

class SpillDaemon {
 public:
  /// `directory`: of the tier; empty: a new one, which is removed at the end.
  explicit SpillDaemon(std::vector<std::string> flags, Program program = Program::doliumd,
                       const std::string& directory = {});

  [[nodiscard]] Daemon& daemon() noexcept { return daemon_; }
  [[nodiscard]] Daemon* operator->() noexcept { return &daemon_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] pid_t spiller() { return child_named(daemon_.process().pid(), "doliumd: spill"); }
  [[nodiscard]] pid_t server() { return child_named(daemon_.process().pid(), "doliumd: server"); }
  /// SIGKILL. False: there was none at this moment.
  bool kill_spiller();
  bool kill_server();
  /// Until all three processes are there, and the server answers.
  void await_all();
  /// Everything that is dirty is written: a create that needs all of the memory waits for that.
  [[nodiscard]] Result<void> write_all();
  /// SIGKILL to the keeper, which the others do not outlive; until they have ended.
  void kill();

 private:
  test::TemporaryDirectory disk_{"/var/tmp"};
  std::string directory_;
  Daemon daemon_;
};

}  // namespace dolium::e2e
