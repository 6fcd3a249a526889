// After the end of a store, however the daemon ended and whatever is at its socket's path by then, its old clients get
// no more objects from it. Objects that they hold stay readable. shm/table/owner_word.h explains how clients notice.
// The tests need not wait for it, because the word is written before the end is visible in any other way.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "shm/os/segment.h"
#include "shm/table/index_layout.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

enum class End : std::uint8_t { stopped, killed, server_first };

/// The server is killed while the keeper stands still and cannot start another; then the keeper.
void kill_server_first(Daemon& daemon) {
  daemon.process().freeze();
  daemon.kill_server();
  CHECK(daemon.kill() == "signal 9");
}

void end_store(Daemon& daemon, End how) {
  switch (how) {
    case End::stopped: CHECK(daemon.stop() == "exit 0"); return;
    case End::killed: CHECK(daemon.kill() == "signal 9"); return;
    case End::server_first: return kill_server_first(daemon);
  }
}

/// The index of a server, writable.
shm::Mapping map_index(pid_t server) {
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", server))) {
    if (!std::filesystem::read_symlink(entry).string().starts_with("/memfd:dolium-index")) continue;
    const shm::UniqueFd fd(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
    return shm::Mapping::map(fd, shm::kPageBytes, shm::Mapping::Mode::read_write, "index").value();
  }
  FAIL("the server has no index");
  return {};
}

/// get_async()'s outcome; where callbacks never run, because a child could not follow, what the store says of it.
std::string got_later(Client& client, const ObjectId& id) {
  std::string how = "nothing";
  client.get_async(id, no_wait, [&](const Result<Object>& result) { how = outcome(result); });
  const Result<void> processed = client.process_events();
  return how == "nothing" ? outcome(processed) : how;
}

/// Every way to look for an object.
std::vector<std::pair<const char*, std::string>> looks(Client& client, const ObjectId& id) {
  return {{"get_raw", outcome(client.get_raw(id))},
          {"waiting get_raw", outcome(client.get_raw(id, kPatience))},
          {"try_get", client.try_get(id) ? "ok" : "disconnected"},
          {"get_many", outcome(client.get_many(std::span(&id, 1)))},
          {"waiting get_many", outcome(client.get_many(std::span(&id, 1), kPatience))},
          {"exists", outcome(client.exists(id))},
          {"exists_many", outcome(client.exists_many(std::span(&id, 1)))},
          {"wait", outcome(client.wait(std::span(&id, 1), 1))},
          {"metadata", outcome(client.metadata(id))},
          {"get_async", got_later(client, id)}};
}

void check_gone(Client& client, const ObjectId& id) {
  for (const auto& [call, how] : looks(client, id)) {
    INFO(call);
    CHECK(how == "disconnected");
  }
  CHECK(outcome(client.take_raw(id)) == "disconnected");
  CHECK(outcome(client.take_raw(id, kPatience)) == "disconnected");
}

/// A child of fork() that says, when it is told that the store has ended, what it then gets.
class LookingChild {
 public:
  LookingChild(Client& client, const Object& held, const ObjectId& id) {
    REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ != 0) return;
    char byte = 0;
    static_cast<void>(::read(ends_[0], &byte, 1));
    const Bytes expected = pattern(held.data().size());
    const std::vector<std::pair<const char*, std::string>> all = looks(client, id);
    const bool gone = std::ranges::all_of(all, [](const auto& each) { return each.second == "disconnected"; });
    ::_exit(!gone ? 1 : same(held.data(), expected) ? 0 : 2);
  }
  LookingChild(const LookingChild&) = delete;
  LookingChild& operator=(const LookingChild&) = delete;
  ~LookingChild() {
    if (pid_ > 0) static_cast<void>(ask());
  }
  int ask() {
    CHECK(::write(ends_[1], "", 1) == 1);
    for (const int fd : ends_) ::close(fd);
    int status = -1;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : status;
  }

 private:
  std::array<int, 2> ends_{};
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("a store that has ended lets no new client in, although its server is still there") {
  Daemon daemon;
  const shm::Mapping index = map_index(daemon.server());
  reinterpret_cast<shm::IndexHeader*>(index.data())->owner.end();
  const auto client = Client::connect(daemon.socket());
  REQUIRE(outcome(client) == "disconnected");
  CHECK_THAT(client.error().message, Catch::StartsWith("the daemon is ending, and its store with it"));
  CHECK(daemon.process().running());
}

TEST_CASE("a store that is gone: every get says disconnected, and what is held stays readable") {
  const End how = GENERATE(End::stopped, End::killed, End::server_first);
  const Access access = GENERATE(Access::read_write, Access::read_only);
  CAPTURE(static_cast<int>(how), static_cast<int>(access));
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect({.access = access});
  REQUIRE(outcome(daemon.watcher()->put(id_of("held"), pattern(100'000))) == "ok");
  REQUIRE(outcome(daemon.watcher()->put(id_of("other"), pattern(1000))) == "ok");
  const Object held = client->get_raw(id_of("held")).value();
  for (const auto& [call, found] : looks(*client, id_of("other"))) {
    INFO(call);
    CHECK(found == "ok");
  }
  end_store(daemon, how);
  check_gone(*client, id_of("other"));
  check_gone(*client, id_of("held"));
  check_gone(*client, id_of("absent"));
  const Object copy = held;
  CHECK(same(copy.data(), pattern(100'000)));
  const std::string why = client->get_raw(id_of("other")).error().message;
  CHECK_THAT(why, Catch::Contains("connect again") || Catch::Contains("shutting down"));
}

TEST_CASE("a store that is gone: an old client gets nothing of it while another store is in its place") {
  const End how = GENERATE(End::stopped, End::killed, End::server_first);
  CAPTURE(static_cast<int>(how));
  Daemon daemon;
  const std::shared_ptr<Client> old = daemon.connect();
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(1000, 1))) == "ok");
  const Object held = old->get_raw(id_of("a")).value();
  std::atomic<bool> replaced = false;
  std::atomic<std::size_t> stale = 0;
  std::atomic<std::size_t> late = 0;
  std::atomic<bool> over = false;
  std::thread asking([&] {
    while (!over) {
      const bool already = replaced;  // before the get begins
      const Result<Object> object = old->get_raw(id_of("a"));
      if (object && already) ++stale;
      if (already) ++late;
    }
  });
  end_store(daemon, how);
  daemon.start_again();
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(1000, 2))) == "ok");
  REQUIRE(same(daemon.watcher()->get_raw(id_of("a")).value().data(), pattern(1000, 2)));
  replaced = true;
  CHECK(eventually([&] { return late >= 100; }));
  over = true;
  asking.join();
  CHECK(stale == 0);
  check_gone(*old, id_of("a"));
  CHECK(outcome(old->ping()) == "disconnected");
  CHECK(outcome(old->put(id_of("b"), pattern(10))) == "disconnected");
  CHECK(same(held.data(), pattern(1000, 1)));
  CHECK(daemon.stats().client_count == 1);  // the old one is nobody there
}

TEST_CASE("a store that is gone: children of fork() get nothing of it either") {
  const End how = GENERATE(End::stopped, End::killed);
  CAPTURE(static_cast<int>(how));
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(outcome(client->put(id_of("held"), pattern(1000))) == "ok");
  REQUIRE(outcome(client->put(id_of("other"), pattern(1000))) == "ok");
  const Object held = client->get_raw(id_of("held")).value();
  LookingChild before(*client, held, id_of("other"));
  end_store(daemon, how);
  LookingChild after(*client, held, id_of("other"));
  CHECK(before.ask() == 0);
  CHECK(after.ask() == 0);
}

TEST_CASE("a store that is gone is another thing than a server that was replaced or killed") {
  const int signal = GENERATE(SIGKILL, SIGHUP);
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(outcome(client->put(id_of("a"), pattern(1000))) == "ok");
  for (int round = 0; round < 3; ++round) {
    replace_server(daemon, signal);
    CHECK(same(client->get_raw(id_of("a")).value().data(), pattern(1000)));
    CHECK_FALSE(client->exists(id_of("absent")).value());
    CHECK(outcome(client->ping()) == "ok");
  }
  end_store(daemon, End::killed);
  check_gone(*client, id_of("a"));
}

TEST_CASE("a keeper of an older layout: --replace and SIGHUP refuse in words, and the daemon goes on") {
  Daemon daemon;
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(1000))) == "ok");
  const pid_t server = daemon.server();
  // What a server before layout 3 wrote into the lock file.
  std::fstream(daemon.socket() + ".lock", std::ios::in | std::ios::out)
      << fmt::format("{:10} {:10}\n", daemon.process().pid(), server);
  const Finished refused = run_to_end({daemon.command().front(), "--replace", "--socket", daemon.socket()});
  CHECK(refused.how == "exit 1");
  CHECK_THAT(refused.output, Catch::Contains("a keeper cannot") && Catch::Contains("stop doliumd and start it again"));
  daemon.process().signal(SIGHUP);
  CHECK(eventually([&] { return daemon.log().find("the old server keeps running") != std::string::npos; }));
  CHECK_THAT(daemon.log(), Catch::Contains("a keeper cannot"));
  CHECK(daemon.server() == server);
  CHECK(outcome(daemon.watcher()->get_raw(id_of("a"))) == "ok");
}
