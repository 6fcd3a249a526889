#include "tests/demo/staff.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace dolium::demo {

// ---- OwnDaemon ----

OwnDaemon::OwnDaemon(std::filesystem::path directory, std::uint64_t capacity)
    : directory_(std::move(directory)),
      socket_((directory_ / "dolium.sock").string()),
      process_(e2e::Process::start(
          {DOLIUM_DOLIUMD_PATH, "--socket", socket_, "--capacity", std::to_string(capacity), "--log-level", "warning"},
          {.error = STDERR_FILENO})) {}

OwnDaemon::OwnDaemon(OwnDaemon&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      socket_(std::move(other.socket_)),
      process_(std::move(other.process_)) {}

OwnDaemon::~OwnDaemon() {
  if (directory_.empty()) return;
  static_cast<void>(process_.kill());
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Result<OwnDaemon> OwnDaemon::start(std::uint64_t capacity) {
  std::string name = (std::filesystem::temp_directory_path() / "dolium-demo-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return Error{Errc::system_error, "cannot make a directory like " + name};
  OwnDaemon daemon(name, capacity);
  const auto answers = [&]() -> Result<bool> {
    if (!daemon.process_.running()) return Error{Errc::disconnected, "doliumd did not start"};
    return Client::connect(daemon.socket_, {.connect_timeout = no_wait}).has_value();
  };
  if (auto up = wait_until("doliumd answers", answers); !up) return std::move(up).error();
  return daemon;
}

std::string OwnDaemon::stop() {
  process_.signal(SIGTERM);
  return process_.wait();
}

// ---- Staff ----

e2e::Process Staff::start_role(const std::string& role, std::size_t worker, std::size_t begin) const {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  return e2e::Process::start({self, "--role", role, "--socket", common_.socket, "--run", common_.run, "--capacity",
                              std::to_string(common_.capacity), "--count", std::to_string(common_.count), "--worker",
                              std::to_string(worker), "--begin", std::to_string(begin), "--manifest", common_.manifest},
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
