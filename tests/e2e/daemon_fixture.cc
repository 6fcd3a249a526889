#include "tests/e2e/daemon_fixture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdlib>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>

#include "tests/child_processes.h"
#include "tests/client/store_under_test.h"

namespace dolium::e2e {

std::ostream& operator<<(std::ostream& out, const Census& c) {
  return out << fmt::format(
             "{{{} objects, {} bytes used | unsealed {} ({} bytes) | in use {} ({}) | retired {} ({}) | pinned {} ({}) "
             "| waiting {} gets, {} creates | {} clients | daemon: {} descriptors, {} mappings}}",
             c.objects, c.used_bytes, c.unsealed, c.unsealed_bytes, c.in_use, c.in_use_bytes, c.retired,
             c.retired_bytes, c.pinned, c.pinned_bytes, c.waiting_gets, c.waiting_creates, c.clients,
             c.daemon_descriptors, c.daemon_mappings);
}

std::vector<std::string> flags_for(const StoreConfig& config) {
  const auto flag = [](std::string_view name, bool value) { return fmt::format("--{}={}", name, value); };
  return {fmt::format("--capacity={}", config.capacity),
          fmt::format("--max-objects={}", config.max_objects),
          fmt::format("--eviction-policy={}", to_string(config.eviction_policy)),
          fmt::format("--low-water-mark={}", config.low_water_mark),
          flag("relocation", config.relocation),
          flag("preallocate", config.preallocate),
          flag("prefault", config.prefault),
          flag("huge-pages", config.huge_pages),
          fmt::format("--max-unsealed-bytes-per-client={}", config.max_unsealed_bytes_per_client),
          fmt::format("--max-pinned-bytes-per-user={}", config.max_pinned_bytes_per_user),
          fmt::format("--quarantine-seconds={}", config.quarantine_seconds)};
}

Daemon::Daemon(const StoreConfig& config) : Daemon(flags_for(config)) {}

Daemon::Daemon(std::vector<std::string> flags, Launch launch)
    : Daemon(std::move(flags), Program::doliumd, std::move(launch)) {}

Daemon::Daemon(std::vector<std::string> flags, Program program, Launch launch)
    : descriptors_before_(count_descriptors(::getpid())),
      mappings_before_(count_shared_mappings(::getpid())),
      children_before_(count_children()),
      program_(program == Program::doliumd ? DOLIUM_DOLIUMD_PATH : DOLIUM_E2E_DOLIUMD_PATH),
      socket_((directory_.path() / "dolium.sock").string()),
      flags_(std::move(flags)),
      launch_(std::move(launch)) {
  start();
}

std::shared_ptr<Client> first_client(const Process& daemon, const std::string& socket) {
  static_cast<void>(test::eventually([&] { return std::filesystem::exists(socket) || !daemon.running(); }));
  std::shared_ptr<Client> first;
  const auto connected = [&] {
    // Without a part in fork(): the test starts processes, and each would cost a session that no census expects.
    auto client = Client::connect(socket, {.connect_timeout = std::chrono::seconds(10), .follow_fork = false});
    if (client) first = *std::move(client);
    return client.has_value() || !daemon.running();
  };
  static_cast<void>(test::eventually(connected));
  return first;
}

std::vector<std::string> Daemon::command() const {
  std::vector<std::string> command = {program_, "--socket", socket_};
  if (std::ranges::none_of(flags_, [](const std::string& flag) { return flag.starts_with("--capacity"); }))
    command.emplace_back("--capacity=64MiB");
  command.insert(command.end(), flags_.begin(), flags_.end());
  return command;
}

void Daemon::start() {
  const std::string log_file = (directory_.path() / "log").string();
  const shm::UniqueFd log_fd(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  std::vector<std::string> words = command();
  if (!launch_.redirections.empty()) {
    const std::vector<std::string> shell = {"/bin/sh", "-c", "exec \"$@\" " + launch_.redirections, "sh"};
    words.insert(words.begin(), shell.begin(), shell.end());
  }
  process_ = Process::start(words, {.out = log_fd.get(), .error = launch_.error >= 0 ? launch_.error : log_fd.get()});
  watcher_ = first_client(process_, socket_);
  INFO("doliumd says:\n" << log());
  REQUIRE(watcher_ != nullptr);
}

void Daemon::start_again() {
  watcher_.reset();
  start();
}

Daemon::~Daemon() {
  if (process_.running()) {
    const std::string how = stop();
    INFO("doliumd says:\n" << log());
    CHECK(how == "exit 0");
  }
  if (!misbehaviour_expected_) {
    INFO("doliumd says:\n" << log());
    CHECK(misbehaviours() == 0);
  }
  watcher_.reset();
  process_ = Process();
  CHECK(count_descriptors(::getpid()) == descriptors_before_);
  CHECK(count_shared_mappings(::getpid()) == mappings_before_);
  CHECK(count_children() == children_before_);
}

std::shared_ptr<Client> Daemon::connect(const ConnectOptions& options) const {
  auto client = Client::connect(socket_, options);
  INFO((client ? std::string() : to_string(client.error())));
  REQUIRE(client.has_value());
  return *std::move(client);
}

StoreStats Daemon::stats() const {
  return watcher_->stats().value();
}

Census Daemon::census() const {
  const StoreStats stats = this->stats();
  // A thread of the daemon may be reading how much memory is left. What stays open is counted, after patience.
  Descriptors open;
  static_cast<void>(test::eventually([&] { return (open = descriptors_of(server())).of_system == 0; }));
  return {.objects = stats.total_objects,
          .used_bytes = stats.used_bytes - stats.quarantined_bytes,
          .unsealed = stats.unsealed_count,
          .unsealed_bytes = stats.unsealed_bytes,
          .in_use = stats.in_use_count,
          .in_use_bytes = stats.in_use_bytes,
          .retired = stats.retired_count,
          .retired_bytes = stats.retired_bytes,
          .pinned = stats.pinned_count,
          .pinned_bytes = stats.pinned_bytes,
          .waiting_gets = stats.waiting_gets,
          .waiting_creates = stats.waiting_creates,
          .clients = stats.client_count,
          .daemon_descriptors = open.all,
          .daemon_mappings = count_shared_mappings(server())};
}

Census Daemon::settled(const Census& expected) const {
  Census now;
  static_cast<void>(test::eventually([&] { return (now = census()) == expected; }));
  return now;
}

bool Daemon::waits(std::uint64_t gets, std::uint64_t creates) const {
  return test::eventually([&] {
    const StoreStats now = stats();
    return now.waiting_gets == gets && now.waiting_creates == creates;
  });
}

std::string Daemon::log() const {
  std::ifstream file(directory_.path() / "log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::size_t Daemon::misbehaviours() const {
  const std::string text = log();
  constexpr std::string_view kWord = "is ended for misbehaviour";
  std::size_t count = 0;
  for (std::size_t at = text.find(kWord); at != std::string::npos; at = text.find(kWord, at + 1)) ++count;
  return count;
}

std::string Daemon::stop() {
  process_.signal(SIGTERM);
  return process_.wait();
}

std::string Daemon::kill() {
  const pid_t orphan = server();
  const shm::UniqueFd server_handle(static_cast<int>(::syscall(SYS_pidfd_open, orphan, 0)));
  const std::string how = process_.kill();
  pollfd gone{server_handle.get(), POLLIN, 0};
  CHECK(::poll(&gone, 1, static_cast<int>(std::chrono::milliseconds(kProcessPatience).count())) == 1);
  static_cast<void>(::waitpid(orphan, nullptr, 0));  // ours where the test takes in orphans; else somebody else's
  return how;
}

pid_t Daemon::server() const {
  for (const pid_t child : test::children_of(process_.pid()))
    if (test::process_name(child) != "doliumd: spill") return child;
  return 0;
}

void Daemon::kill_server() const {
  REQUIRE(::kill(server(), SIGKILL) == 0);
}

bool Daemon::replaced(pid_t old) const {
  return test::eventually([&] { return server() != 0 && server() != old; }) && watcher_->ping().has_value();
}

void replace_server(Daemon& daemon, int signal) {
  const pid_t old = daemon.server();
  if (signal == SIGKILL)
    daemon.kill_server();
  else
    daemon.process().signal(signal);
  REQUIRE(daemon.replaced(old));
}

void Daemon::freeze() const {
  REQUIRE(::kill(server(), SIGSTOP) == 0);
  REQUIRE(test::eventually([&] {
    std::ifstream stat(fmt::format("/proc/{}/stat", server()));
    std::string line;
    std::getline(stat, line);
    return line.find(") T ") != std::string::npos;
  }));
}

void Daemon::thaw() const {
  REQUIRE(::kill(server(), SIGCONT) == 0);
}

}  // namespace dolium::e2e
