#pragma once
// Process: a child of the test. A resource: moves. It is killed and reaped with its owner, and killed by the kernel if
// the test itself dies, so that a run leaves no process behind.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "shm/os/unique_fd.h"

namespace dolium::e2e {

/// Bounds every wait that must not be in vain; never a measure of speed.
inline constexpr std::chrono::seconds kProcessPatience{60};

class Process {
 public:
  /// Where the child's standard streams go; -1: /dev/null. The caller keeps its descriptors.
  struct Streams {
    int in = -1;
    int out = -1;
    int error = -1;
  };

  /// Starts command[0]. Call it from the test's main thread only: the child dies with the thread that made it.
  [[nodiscard]] static Process start(const std::vector<std::string>& command, const Streams& streams);
  Process() = default;
  Process(Process&& other) noexcept = default;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] bool running() const;
  void signal(int number) const;
  /// SIGSTOP, and waits until it stands still.
  void freeze() const;
  /// Whether it has stood still since this was last asked, by whomever it was told to.
  [[nodiscard]] bool has_stopped() const;
  void thaw() const;
  /// Waits for the end and says how it ended: "exit 0", "signal 9"; "still running" when patience ran out.
  [[nodiscard]] std::string wait(std::chrono::milliseconds patience = kProcessPatience);
  [[nodiscard]] std::string kill();

  /// Open descriptors; mappings of memfds (a sanitizer's own mappings come and go).
  [[nodiscard]] std::size_t descriptors() const;
  /// The descriptors, once their number has not changed for 100 ms: after the first answer of a new server, the keeper
  /// still closes what belonged to the old one.
  [[nodiscard]] std::size_t settled_descriptors() const;
  [[nodiscard]] std::size_t shared_mappings() const;

 private:
  shm::UniqueFd handle_;  // pidfd; invalid when there is no process, or it was reaped
  pid_t pid_ = -1;
};

struct Descriptors {
  std::size_t all = 0;
  std::size_t of_system = 0;  ///< files of /proc and /sys, which a thread may be reading at this moment
};
/// Open descriptors of a process; of this one, without the descriptor that is counted with.
[[nodiscard]] Descriptors descriptors_of(pid_t pid);
[[nodiscard]] inline std::size_t count_descriptors(pid_t pid) {
  return descriptors_of(pid).all;
}
[[nodiscard]] std::size_t count_shared_mappings(pid_t pid);
/// 0: there is none.
[[nodiscard]] pid_t first_child(pid_t parent);
/// The child that has this name (process_title.h); 0: there is none.
[[nodiscard]] pid_t child_named(pid_t parent, std::string_view name);
/// Children of this process, reaped ones excluded.
[[nodiscard]] std::size_t count_children();

/// Runs a program that is expected to end by itself.
struct Finished {
  std::string how;  // as Process::wait()
  std::string output;
};
[[nodiscard]] Finished run_to_end(const std::vector<std::string>& command);

struct Pipe {
  shm::UniqueFd read_end;
  shm::UniqueFd write_end;
};
[[nodiscard]] Pipe make_pipe();

}  // namespace dolium::e2e
