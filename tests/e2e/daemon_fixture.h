#pragma once
// Daemon: a real doliumd in its own directory, for one test.
//
// The destructor stops the daemon as an operator would. It fails the test unless the daemon ended with status 0 and
// logged no unexpected misbehaviour, and the test has as many descriptors, shared mappings and children as before. So
// declare the Daemon before everything that uses it.

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <dolium/client.h>
#include <dolium/store_config.h>

#include "tests/e2e/process.h"
#include "tests/temporary_directory.h"

namespace dolium::e2e {

/// Everything that a client's death, or a session's end, must bring back to what it was. Bytes are exact; what is in
/// quarantine comes back later, and is not counted.
struct Census {
  std::uint64_t objects = 0, used_bytes = 0;
  std::uint64_t unsealed = 0, unsealed_bytes = 0;
  std::uint64_t in_use = 0, in_use_bytes = 0;
  std::uint64_t retired = 0, retired_bytes = 0;
  std::uint64_t pinned = 0, pinned_bytes = 0;
  std::uint64_t waiting_gets = 0, waiting_creates = 0;
  std::uint64_t clients = 0;
  std::uint64_t daemon_descriptors = 0;
  std::uint64_t daemon_mappings = 0;

  friend bool operator==(const Census&, const Census&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Census& census);
};

using test::TemporaryDirectory;

/// stepper: e2e_doliumd, which dies where it is told (points.h).
enum class Program : std::uint8_t { doliumd, stepper };

/// How it is started, where a test is about that.
struct Launch {
  std::string redirections = {};  ///< as a shell understands them: "2>&-"
  int error = -1;                 ///< standard error, instead of what log() returns; the caller keeps it
};

/// The first client of a daemon that was just started; null if the daemon ended, or did not answer in time. An attempt
/// is not given up early: the daemon would count its connection until it notices.
[[nodiscard]] std::shared_ptr<Client> first_client(const Process& daemon, const std::string& socket);

class Daemon {
 public:
  /// Starts doliumd with these flags beside --socket, and waits until it answers. 64 MiB unless they say else.
  explicit Daemon(std::vector<std::string> flags = {}, Program program = Program::doliumd, Launch launch = {});
  Daemon(std::vector<std::string> flags, Launch launch);
  explicit Daemon(const StoreConfig& config);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }
  [[nodiscard]] std::filesystem::path directory() const { return directory_.path(); }
  /// The keeper, which is what one starts and stops.
  [[nodiscard]] Process& process() noexcept { return process_; }
  /// The server's process that there is now; 0 when there is none.
  [[nodiscard]] pid_t server() const;
  /// SIGKILL to the server alone; when another one serves, nothing is waited for.
  void kill_server() const;
  /// Until the server is another than `old`, and answers.
  [[nodiscard]] bool replaced(pid_t old) const;
  /// The server stands still, and the keeper does not notice.
  void freeze() const;
  void thaw() const;
  /// The command line that would start another one in the same place.
  [[nodiscard]] std::vector<std::string> command() const;

  /// The fixture's own client, connected from the start; counted in every census.
  [[nodiscard]] const std::shared_ptr<Client>& watcher() const noexcept { return watcher_; }
  /// Hands the watcher over: from then on there is none, and no census.
  [[nodiscard]] std::shared_ptr<Client> release_watcher() noexcept { return std::move(watcher_); }
  /// Another client of this process. Fails the test when it cannot be had.
  [[nodiscard]] std::shared_ptr<Client> connect(const ConnectOptions& options = {}) const;

  [[nodiscard]] StoreStats stats() const;
  [[nodiscard]] Census census() const;
  /// The census, as soon as it is the expected one; what it is after kPatience otherwise. For CHECK(... == ...).
  [[nodiscard]] Census settled(const Census& expected) const;
  [[nodiscard]] bool waits(std::uint64_t gets, std::uint64_t creates) const;

  /// What it has logged, and how many sessions it has ended for misbehaviour.
  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::size_t misbehaviours() const;
  /// Misbehaviour is this test's business.
  void expect_misbehaviour() noexcept { misbehaviour_expected_ = true; }

  /// SIGTERM; how it ended. "exit 0" is what it should be.
  [[nodiscard]] std::string stop();
  /// SIGKILL to the keeper, which the server does not outlive.
  [[nodiscard]] std::string kill();
  /// A new daemon in the old one's place, with a new watcher.
  void start_again();

 private:
  void start();

  std::size_t descriptors_before_;  // of the test itself, as the next two
  std::size_t mappings_before_;
  std::size_t children_before_;
  TemporaryDirectory directory_;
  std::string program_;
  std::string socket_;
  std::vector<std::string> flags_;
  Launch launch_;
  Process process_;
  std::shared_ptr<Client> watcher_;
  bool misbehaviour_expected_ = false;
};

/// SIGKILL to the server, or SIGHUP to the keeper; until another one answers.
void replace_server(Daemon& daemon, int signal);

/// The flags that make a daemon what `config` makes an in-process store.
[[nodiscard]] std::vector<std::string> flags_for(const StoreConfig& config);

}  // namespace dolium::e2e
