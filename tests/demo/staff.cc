#include "tests/demo/staff.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace dolium::demo {

// ---- OwnDaemon ----

namespace {

std::vector<std::string> flags_of(const std::filesystem::path& directory, std::uint64_t capacity, bool spill) {
  std::vector<std::string> flags = {"--capacity", std::to_string(capacity), "--log-level", "warning"};
  if (spill) flags.push_back("--spill-directory=" + (directory / "spill").string());
  return flags;
}

}  // namespace

OwnDaemon::OwnDaemon(std::filesystem::path directory, std::uint64_t capacity, bool spill)
    : directory_(std::move(directory)),
      socket_((directory_ / "dolium.sock").string()),
      flags_(flags_of(directory_, capacity, spill)) {}

OwnDaemon::OwnDaemon(OwnDaemon&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      socket_(std::move(other.socket_)),
      flags_(std::move(other.flags_)),
      process_(std::move(other.process_)) {}

OwnDaemon::~OwnDaemon() {
  if (directory_.empty()) return;
  static_cast<void>(process_.kill());
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

e2e::Process OwnDaemon::begin() const {
  std::vector<std::string> command = {DOLIUM_DOLIUMD_PATH, "--socket", socket_};
  command.insert(command.end(), flags_.begin(), flags_.end());
  return e2e::Process::start(command, {.error = STDERR_FILENO});
}

/// A spill directory is not in memory, as /tmp may be.
Result<OwnDaemon> OwnDaemon::start(std::uint64_t capacity, bool spill) {
  const std::filesystem::path parent = spill ? "/var/tmp" : std::filesystem::temp_directory_path();
  std::string name = (parent / "dolium-demo-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return Error{Errc::system_error, "cannot make a directory like " + name};
  OwnDaemon daemon(name, capacity, spill);
  if (spill && ::mkdir((daemon.directory_ / "spill").c_str(), 0700) != 0)
    return Error{Errc::system_error, "cannot make a directory in " + name};
  daemon.process_ = daemon.begin();
  if (auto up = daemon.await_answer(); !up) return std::move(up).error();
  return daemon;
}

Result<void> OwnDaemon::await_answer() {
  return wait_until("doliumd answers", [this]() -> Result<bool> {
    if (!process_.running()) return Error{Errc::disconnected, "doliumd did not start"};
    return Client::connect(socket_, {.connect_timeout = no_wait}).has_value();
  });
}

std::string OwnDaemon::stop() {
  process_.signal(SIGTERM);
  return process_.wait();
}

Result<void> OwnDaemon::kill_child(const char* name) const {
  const pid_t old = e2e::child_named(process_.pid(), name);
  if (old == 0 || ::kill(old, SIGKILL) != 0)
    return Error{Errc::system_error, fmt::format("there is no {} to be killed", name)};
  return wait_until(fmt::format("there is another {}", name), [&]() -> Result<bool> {
    const pid_t now = e2e::child_named(process_.pid(), name);
    return now != 0 && now != old;
  });
}

Result<void> OwnDaemon::kill_and_start_again() {
  const pid_t spiller = e2e::child_named(process_.pid(), kSpillProcess);
  if (const std::string how = process_.kill(); how != "signal 9")
    return Error{Errc::system_error, "the keeper was to die of signal 9, and ended with " + how};
  const auto gone = wait_until("the spill process has ended",
                               [&]() -> Result<bool> { return spiller == 0 || ::kill(spiller, 0) != 0; });
  if (!gone) return gone;
  process_ = begin();
  return await_answer();
}

// ---- Staff ----

e2e::Process Staff::start_role(const std::string& role, std::size_t worker, std::size_t begin) const {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  return e2e::Process::start(
      {self, "--role", role, "--socket", common_.socket, "--run", common_.run, "--capacity",
       std::to_string(common_.capacity), "--count", std::to_string(common_.count), "--worker", std::to_string(worker),
       "--begin", std::to_string(begin), "--manifest", common_.manifest, common_.spill ? "--spill" : "--no-spill"},
      {.error = STDERR_FILENO});
}

void Staff::start_worker(std::size_t worker, std::size_t begin) {
  if (worker >= workers_.size()) workers_.resize(worker + 1);
  workers_[worker] = start_role("worker", worker, begin);
}

Result<void> Staff::start(Client& client) {
  for (std::size_t worker = 0; worker < kWorkers; ++worker) start_worker(worker, worker);
  producer_ = start_role("producer", 0, 0);
  return wait_until("all wait for their first object", [&]() -> Result<bool> {
    if (auto all_there = check(); !all_there) return std::move(all_there).error();
    return all_wait(client);
  });
}

Result<bool> Staff::all_wait(Client& client) const {
  const Result<std::vector<ClientInfo>> clients = client.clients();
  if (!clients) return clients.error();
  const auto waits = [&](const e2e::Process& process) {
    return std::ranges::any_of(*clients,
                               [&](const ClientInfo& c) { return c.pid == process.pid() && c.waiting_gets == 1; });
  };
  return waits(producer_) && std::ranges::all_of(workers_, waits);
}

Result<void> Staff::check() const {
  for (std::size_t i = 0; i < workers_.size(); ++i)
    if (!workers_[i].running())
      return Error{Errc::disconnected, fmt::format("worker {} (pid {}) ended early", i + 1, workers_[i].pid())};
  return {};
}

Result<void> Staff::wait() {
  const auto ended_well = [](e2e::Process& process, const std::string& who) -> Result<void> {
    const std::string how = process.wait(kPatience);
    if (how == "exit 0") return {};
    return Error{Errc::system_error, fmt::format("{} (pid {}) ended with {}", who, process.pid(), how)};
  };
  Result<void> outcome = ended_well(producer_, "the producer");
  for (std::size_t i = 0; outcome && i < workers_.size(); ++i)
    outcome = ended_well(workers_[i], fmt::format("worker {}", i + 1));
  return outcome;
}

Result<std::vector<ClientInfo>> Staff::sessions_of(Client& client, pid_t pid) {
  Result<std::vector<ClientInfo>> clients = client.clients();
  if (clients) std::erase_if(*clients, [pid](const ClientInfo& each) { return each.pid != pid; });
  return clients;
}

}  // namespace dolium::demo
