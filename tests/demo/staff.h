#pragma once
// Staff: the processes of a run, and the daemon if the demo started it. All of them end with their owner in any case.

#include <filesystem>
#include <string>
#include <vector>

#include <dolium/client.h>

#include "tests/demo/roles.h"
#include "tests/e2e/process.h"

namespace dolium::demo {

/// The names of a daemon's children (process_title.h).
inline constexpr const char* kServerProcess = "doliumd: server";
inline constexpr const char* kSpillProcess = "doliumd: spill";

/// A doliumd in a temporary directory.
class OwnDaemon {
 public:
  /// `spill`: with a spill tier, in a directory on a disk.
  [[nodiscard]] static Result<OwnDaemon> start(std::uint64_t capacity, bool spill);
  OwnDaemon(OwnDaemon&&) noexcept;
  OwnDaemon& operator=(OwnDaemon&&) = delete;
  ~OwnDaemon();

  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }
  [[nodiscard]] std::size_t descriptors() const { return process_.descriptors(); }
  /// SIGTERM; how it ended.
  [[nodiscard]] std::string stop();
  /// SIGKILL to the server, or the spill process; until the keeper has another one.
  [[nodiscard]] Result<void> kill_child(const char* name) const;
  /// SIGKILL to the keeper, which the others do not outlive; then a new daemon in its place.
  [[nodiscard]] Result<void> kill_and_start_again();

 private:
  OwnDaemon(std::filesystem::path directory, std::uint64_t capacity, bool spill);
  [[nodiscard]] e2e::Process begin() const;
  [[nodiscard]] Result<void> await_answer();

  std::filesystem::path directory_;
  std::string socket_;
  std::vector<std::string> flags_;
  e2e::Process process_;
};

class Staff {
 public:
  explicit Staff(RoleOptions common) : common_(std::move(common)) {}

  /// Producer and workers, and waits until each of them waits in a get.
  [[nodiscard]] Result<void> start(Client& client);
  void start_worker(std::size_t worker, std::size_t begin);

  [[nodiscard]] e2e::Process& worker(std::size_t number) { return workers_[number]; }
  /// An error when somebody is gone who should not be.
  [[nodiscard]] Result<void> check() const;
  /// Waits for all: each must have ended with status 0.
  [[nodiscard]] Result<void> wait();

  /// The session of a process, if it has one.
  [[nodiscard]] static Result<std::vector<ClientInfo>> sessions_of(Client& client, pid_t pid);

 private:
  [[nodiscard]] e2e::Process start_role(const std::string& role, std::size_t worker, std::size_t begin) const;
  [[nodiscard]] Result<bool> all_wait(Client& client) const;

  RoleOptions common_;
  e2e::Process producer_;
  std::vector<e2e::Process> workers_;
};

/// Whether the condition comes true within kPatience: for what only repeated looks can tell.
template <class Condition>
[[nodiscard]] Result<void> wait_until(const std::string& what, Condition condition);

}  // namespace dolium::demo

#include <thread>

template <class Condition>
dolium::Result<void> dolium::demo::wait_until(const std::string& what, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const Result<bool> there = condition();
    if (!there) return there.error();
    if (*there) return {};
    if (std::chrono::steady_clock::now() > end) return Error{Errc::timed_out, "waited in vain until " + what};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}
