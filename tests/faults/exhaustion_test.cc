// The machine has no more: no descriptor for the daemon, no memory in its cgroup. Who comes too late is told why, who
// is there goes on, and there is room again when somebody leaves.

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

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

}  // namespace

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
  CHECK_THAT(refused, Catch::Contains(std::strerror(EMFILE)) || Catch::Contains("daemon closed the connection"));
  CHECK_THAT(refused + daemon.log(), Catch::Contains(std::strerror(EMFILE)));
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

TEST_CASE("a cgroup without memory: the server is killed where it asks for more, and its objects are not") {
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
  // Far beyond what the group may use: the kernel ends who asks, which is the server that reserves.
  Result<ObjectBuilder> builder = daemon.watcher()->create(id_of("large"), std::uint64_t{128} << 20);
  CHECK_FALSE(builder.has_value());
  CHECK_FALSE(to_string(builder.error()).empty());
  CHECK(daemon.process().running());
  // The next one is started by the keeper, outside of the group.
  CHECK(eventually([&] { return daemon.watcher()->ping().has_value(); }));
  CHECK(daemon.server() != first);
  for (std::size_t n = 0; n < 20; ++n) {
    const auto found = daemon.watcher()->get_raw(id_of(n));
    CHECK((found && same(found->data(), pattern(50'000 + n))));
  }
  CHECK(outcome(daemon.watcher()->put(id_of("after"), pattern(100))) == "ok");
}
