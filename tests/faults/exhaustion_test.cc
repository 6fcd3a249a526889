// Exhausted resources: no descriptors for the daemon, no memory in its cgroup, no room for its socket. New clients get
// an error with the reason, existing ones are not affected, and there is room again when a client leaves.

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "protocol/fd_socket.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// The limit of a process that runs already.
void limit_descriptors(pid_t pid, rlim_t count) {
  const rlimit limit{count, count};
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) == 0);
}

/// A memory cgroup, version 1 or 2, with one process moved in at a time. Gone with its owner, when they are.
class MemoryGroup {
 public:
  MemoryGroup() {
    for (const auto& [root, limit] :
         {std::pair("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), std::pair("/sys/fs/cgroup", "memory.max")}) {
      path_ = fmt::format("{}/dolium-test-{}", root, ::getpid());
      limit_ = path_ / limit;
      std::error_code failed;
      if (std::filesystem::create_directory(path_, failed) && std::filesystem::exists(limit_)) return;
      std::filesystem::remove(path_, failed);
    }
    path_.clear();
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup() {
    std::error_code failed;
    if (!path_.empty()) std::filesystem::remove(path_, failed);
  }
  [[nodiscard]] bool usable() const { return !path_.empty(); }
  [[nodiscard]] bool limit(std::uint64_t bytes) const { return write(limit_, bytes); }
  [[nodiscard]] bool take_in(pid_t pid) const { return write(path_ / "cgroup.procs", static_cast<std::uint64_t>(pid)); }

 private:
  static bool write(const std::filesystem::path& file, std::uint64_t number) {
    std::ofstream stream(file);
    stream << number << std::flush;
    return stream.good();
  }
  std::filesystem::path path_;
  std::filesystem::path limit_;
};

/// A tmpfs that nobody but this process, and what it starts, sees. Gone with its owner.
class OwnMount {
 public:
  static constexpr int kInodes = 8;  // of which the mount's root takes one
  OwnMount() {
    // What is mounted here stays here.
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    const std::string options = fmt::format("size=4k,nr_inodes={}", kInodes);
    mounted_ = ::mount("tmpfs", place_.path().c_str(), "tmpfs", 0, options.c_str()) == 0;
  }
  OwnMount(const OwnMount&) = delete;
  OwnMount& operator=(const OwnMount&) = delete;
  ~OwnMount() {
    if (mounted_) ::umount(place_.path().c_str());
  }
  [[nodiscard]] bool usable() const { return mounted_; }
  [[nodiscard]] const std::filesystem::path& path() const { return place_.path(); }
  /// What lies there, but for the fillers.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path()))
      if (!entry.path().filename().string().starts_with("filler")) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  /// Takes all bytes that are left, and so many inodes.
  void fill(int inodes) const {
    for (int n = 0; n < inodes; ++n) {
      const shm::UniqueFd fd(::open(filler(n).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      REQUIRE(fd.valid());
      constexpr std::array<char, 4096> kPage{};
      while (::write(fd.get(), kPage.data(), kPage.size()) > 0) {
      }
    }
  }
  void make_room() const {
    for (int n = 0; n < kInodes; ++n) std::filesystem::remove(filler(n));
  }

 private:
  [[nodiscard]] std::filesystem::path filler(int n) const { return path() / fmt::format("filler {}", n); }

  TemporaryDirectory place_;
  bool mounted_ = false;
};

}  // namespace

TEST_CASE("a full tmpfs under the socket: a daemon that finds no room says so, and starts where there is some again") {
  struct Case {
    int taken_inodes;
    const char* cannot;
    std::vector<std::string> left;
  };
  const std::vector<std::string> lock = {"dolium.sock.lock"};  // stays behind by design
  const auto full = GENERATE_COPY(Case{OwnMount::kInodes - 1, "cannot open", {}},
                                  Case{OwnMount::kInodes - 2, "cannot create the socket", lock},
                                  Case{1, "cannot write the holder's pids into the lock file", lock});
  CAPTURE(full.taken_inodes);
  const OwnMount mount;
  if (!mount.usable()) {
    WARN("skipped: no tmpfs can be mounted here (root, and a mount namespace of one's own, are needed)");
    return;
  }
  const std::string socket = mount.path() / "dolium.sock";
  const std::vector<std::string> command = {DOLIUM_DOLIUMD_PATH, "--socket", socket, "--capacity=64MiB"};
  mount.fill(full.taken_inodes);
  const Finished refused = run_to_end(command);
  INFO(refused.output);
  CHECK(refused.how == "exit 1");
  CHECK_THAT(refused.output, Catch::Contains(full.cannot) && Catch::Contains(std::strerror(ENOSPC)));
  CHECK(mount.files() == full.left);

  mount.make_room();
  Process daemon = Process::start(command, {});
  {
    const auto client = Client::connect(socket, {.connect_timeout = kPatience, .follow_fork = false});
    REQUIRE(client.has_value());
    // The store itself lies in memfds, which no mount's size limits.
    CHECK(outcome((*client)->put(id_of("large"), pattern(1'000'000))) == "ok");
    // What was whole stays whole when the room goes again: a server that follows another needs none.
    mount.fill(1);
    const auto server_of = [&] {
      std::ifstream owners(socket + ".lock");
      pid_t keeper = 0;
      pid_t server = 0;
      owners >> keeper >> server;
      return server;
    };
    const pid_t old = server_of();
    REQUIRE(::kill(old, SIGKILL) == 0);
    CHECK(eventually([&] { return (*client)->ping().has_value() && server_of() != old; }));
    CHECK((*client)->get_raw(id_of("large")).has_value());
  }
  daemon.signal(SIGTERM);
  CHECK(daemon.wait() == "exit 0");
  CHECK(mount.files() == lock);
}

TEST_CASE("no more descriptors: who is not even let in is told which limit that is") {
  Daemon daemon;
  const Census before = daemon.census();
  const rlim_t few = before.daemon_descriptors + 8;
  limit_descriptors(daemon.server(), few);
  std::vector<shm::UniqueFd> silent;  // each costs the daemon one, and nothing else
  for (rlim_t n = 0; n < few; ++n) silent.push_back(protocol::connect_to(daemon.socket(), {}).value());
  const auto told = [&] { return to_string(Client::connect(daemon.socket(), {.follow_fork = false}).error()); };
  CHECK_THAT(told(), Catch::StartsWith("disconnected") && Catch::Contains(fmt::format("its limit allows ({})", few)) &&
                         Catch::Contains("LimitNOFILE="));
  constexpr const char* kWhy = "could not be accepted: the daemon has as many file descriptors open";
  CHECK(eventually([&] { return daemon.log().find(kWhy) != std::string::npos; }));
  silent.clear();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("no more descriptors: who comes too late is told so, and there is room again when somebody leaves") {
  Daemon daemon;
  const Census before = daemon.census();
  const rlim_t few = before.daemon_descriptors + 20;
  limit_descriptors(daemon.server(), few);
  std::vector<std::shared_ptr<Client>> clients;
  std::string refused;
  while (refused.empty() && clients.size() < 100) {
    auto client = Client::connect(daemon.socket(), {.follow_fork = false});
    if (client)
      clients.push_back(*std::move(client));
    else
      refused = to_string(client.error());
  }
  CHECK_THAT(refused, Catch::Contains(std::strerror(EMFILE)) && Catch::Contains("LimitNOFILE=") &&
                          Catch::Contains(fmt::format("its limit allows ({})", few)));
  REQUIRE(clients.size() >= 2);
  for (const auto& client : clients) CHECK(outcome(client->ping()) == "ok");
  CHECK(outcome(daemon.watcher()->put(id_of("a"), pattern(100'000))) == "ok");
  CHECK(daemon.watcher()->remove(id_of("a")).value());
  clients.pop_back();
  const auto connects = [&] { return Client::connect(daemon.socket(), {.follow_fork = false}).has_value(); };
  CHECK(eventually(connects));
  clients.clear();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a cgroup without memory: what does not fit is refused, and no process is killed") {
  const MemoryGroup group;
  if (!group.usable()) {
    WARN("skipped: no memory cgroup can be made here");
    return;
  }
  Daemon daemon({"--capacity=256MiB", "--prefault=false"});
  for (std::size_t n = 0; n < 20; ++n) REQUIRE(outcome(daemon.watcher()->put(id_of(n), pattern(50'000 + n))) == "ok");
  const pid_t first = daemon.server();
  REQUIRE(group.take_in(first));
  if (!group.limit(std::uint64_t{12} << 20)) {
    WARN("skipped: the cgroup's limit cannot be set");
    return;
  }
  // Far beyond what the group may use. The kernel would not refuse that, but kill the server.
  const Result<ObjectBuilder> builder = daemon.watcher()->create(id_of("large"), std::uint64_t{128} << 20);
  REQUIRE_FALSE(builder.has_value());
  CHECK(builder.error().code == Errc::out_of_memory);
  CHECK(builder.error().cause == RefusalCause::memory);
  CHECK_THAT(to_string(builder.error()),
             Catch::Contains("for 128 MiB in one piece") && Catch::Contains("this cgroup, has"));
  CHECK(daemon.server() == first);
  for (std::size_t n = 0; n < 20; ++n) {
    const auto found = daemon.watcher()->get_raw(id_of(n));
    CHECK((found && same(found->data(), pattern(50'000 + n))));
  }
  CHECK(outcome(daemon.watcher()->put(id_of("after"), pattern(100))) == "ok");
}

TEST_CASE("a cgroup without memory: a create evicts within the memory that the store has already") {
  const MemoryGroup group;
  if (!group.usable()) {
    WARN("skipped: no memory cgroup can be made here");
    return;
  }
  constexpr std::size_t kFirst = 32;
  constexpr std::size_t kAll = 80;
  constexpr std::size_t kSize = std::size_t{1} << 20;
  constexpr std::uint64_t kMayGrow = std::uint64_t{4} << 20;  // the limit, less what a store leaves free
  Daemon daemon({"--capacity=256MiB", "--prefault=false"});
  for (std::size_t n = 0; n < kFirst; ++n)
    REQUIRE(outcome(daemon.watcher()->put(id_of(n), pattern(kSize - n))) == "ok");
  const std::uint64_t reserved = daemon.stats().reserved_bytes;
  const pid_t first = daemon.server();
  REQUIRE(group.take_in(first));
  if (!group.limit((std::uint64_t{8} << 20) + kMayGrow)) {
    WARN("skipped: the cgroup's limit cannot be set");
    return;
  }
  for (std::size_t n = kFirst; n < kAll; ++n)
    REQUIRE(outcome(daemon.watcher()->put(id_of(n), pattern(kSize - n))) == "ok");
  const StoreStats stats = daemon.stats();
  CHECK(stats.reserved_bytes <= reserved + kMayGrow);
  CHECK(stats.eviction_count >= kAll - stats.reserved_bytes / kSize - 1);
  CHECK(stats.out_of_memory_count == 0);
  CHECK(daemon.server() == first);
  // The last ones are there, and whole.
  for (std::size_t n = kAll - kFirst / 2; n < kAll; ++n) {
    const auto found = daemon.watcher()->get_raw(id_of(n));
    CHECK((found && same(found->data(), pattern(kSize - n))));
  }
}
