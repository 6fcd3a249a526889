// The server's death, seen by the store: the server is killed or replaced, while the keeper lives. Sealed objects, and
// objects that clients hold, are unchanged with the next server. Unsealed objects are dropped, their writers get an
// error, and no byte that a writer can still access is reused meanwhile. doliumd --replace reports first if no server
// could follow. Sessions: restart_sessions_test.cc.

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <future>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/recount.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// The daemon's books against what it lists: nothing is retired or unsealed.
void check_books(const Daemon& daemon) {
  std::uint64_t bytes = 0;
  const std::vector<ObjectMetadata> objects = daemon.watcher()->list().value();
  for (const ObjectMetadata& object : objects) bytes += taken_by(object);
  const StoreStats stats = daemon.stats();
  CHECK(stats.unsealed_count == 0);
  CHECK(stats.retired_count == 0);
  CHECK(stats.total_objects == objects.size());
  CHECK(stats.used_bytes - stats.quarantined_bytes == bytes);
}

}  // namespace

TEST_CASE("when the server is killed or replaced, clients go on with what they hold") {
  const int signal = GENERATE(SIGKILL, SIGHUP);
  CAPTURE(signal);
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  Worker worker(daemon);
  REQUIRE(worker.ask("put a 100000") == "ok");
  REQUIRE(outcome(client->put(id_of("b"), pattern(1000), {.type_name = "text", .pinned = true})) == "ok");
  REQUIRE(outcome(client->put(id_of("c"), pattern(10), {.time_to_live = std::chrono::hours(1), .label = "sea"})) ==
          "ok");
  REQUIRE(worker.ask("get a") == "ok");
  const Object held = client->get_raw(id_of("a")).value();
  const Object removed = client->get_raw(id_of("b")).value();
  REQUIRE(client->unpin(id_of("b")));
  REQUIRE(client->remove(id_of("b")).value());
  const std::uint64_t session = client->session_id();
  const Census before = daemon.census();
  for (int round = 0; round < 3; ++round) {
    replace_server(daemon, signal);
    CHECK(outcome(client->ping()) == "ok");
    CHECK(worker.ask("ping") == "ok");
    CHECK(client->session_id() == session);
    CHECK(daemon.settled(before) == before);
    CHECK(is_payload(held.data(), id_of("a")));
    CHECK(same(removed.data(), pattern(1000)));
    CHECK(client->metadata(id_of("c")).value().time_to_live == std::chrono::hours(1));
    CHECK(client->metadata(id_of("c")).value().label == "sea");
    CHECK(client->list({.label_prefix = "s"}).value().size() == 1);
    CHECK(outcome(client->get_raw(id_of("b"))) == "not_found");
    CHECK(client->evict(UINT64_MAX).value() != 0);  // c alone: the others are held
    CHECK(worker.ask("check a") == "ok");
    CHECK(outcome(client->put(id_of("c"), pattern(10), {.time_to_live = std::chrono::hours(1), .label = "sea"})) ==
          "ok");
  }
}

TEST_CASE("doliumd --replace: another server goes on with every object") {
  Daemon daemon;
  Worker worker(daemon);
  REQUIRE(worker.ask("put a 100000") == "ok");
  REQUIRE(worker.ask("get a") == "ok");
  put_numbered(*daemon.watcher(), 0, 50, 1000);
  const Census before = daemon.census();
  for (int round = 0; round < 3; ++round) {
    const pid_t old = daemon.server();
    const Finished replaced = run_to_end({daemon.command().front(), "--replace", "--socket", daemon.socket()});
    INFO(replaced.output);
    REQUIRE(replaced.how == "exit 0");
    CHECK(replaced.output == fmt::format("server {} serves\n", daemon.server()));
    CHECK(daemon.server() != old);
    CHECK(worker.ask("ping") == "ok");  // it comes back when it has something to say
    CHECK(worker.ask("check a") == "ok");
    CHECK(daemon.settled(before) == before);
    CHECK(present(*daemon.watcher(), 50).size() == 50);
  }
  const std::string elsewhere = (daemon.directory() / "no.sock").string();
  const Finished nobody = run_to_end({daemon.command().front(), "--replace", "--socket", elsewhere});
  CHECK(nobody.how == "exit 1");
  CHECK_THAT(nobody.output, Catch::Contains(elsewhere) && Catch::Contains("nothing to replace"));
}

TEST_CASE("a configuration that would not do is reported, and the server goes on as it was") {
  const TemporaryDirectory directory;
  const std::string file = (directory.path() / "doliumd.toml").string();
  std::ofstream(file) << "[log]\nlevel = \"info\"\n";
  Daemon daemon({"--config=" + file});
  put_numbered(*daemon.watcher(), 0, 10, 1000);
  const Census before = daemon.census();
  const pid_t old = daemon.server();
  const std::vector<std::string> replace = {daemon.command().front(), "--replace", "--socket", daemon.socket()};
  std::ofstream(file) << "[log]\nlevel = \"chatty\"\n";
  SECTION("SIGHUP") {
    daemon.process().signal(SIGHUP);
    CHECK(eventually([&] { return daemon.log().find("the old server keeps running") != std::string::npos; }));
    CHECK_THAT(daemon.log(), Catch::Contains("chatty"));
  }
  SECTION("--replace says so itself") {
    const Finished refused = run_to_end(replace);
    CHECK(refused.how == "exit 1");
    CHECK_THAT(refused.output, Catch::Contains("the old server keeps running") && Catch::Contains("chatty"));
  }
  CHECK(daemon.server() == old);
  CHECK(daemon.settled(before) == before);
  std::ofstream(file) << "[log]\nlevel = \"debug\"\n";
  CHECK(run_to_end(replace).how == "exit 0");
  CHECK(daemon.server() != old);
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("doliumd --replace with a configuration that the daemon does not read is refused, and nothing is replaced") {
  const TemporaryDirectory directory;
  const std::string file = (directory.path() / "doliumd.toml").string();
  const std::string other = (directory.path() / "other.toml").string();
  std::ofstream(file) << "[log]\nlevel = \"info\"\n";
  std::ofstream(other) << "[log]\nlevel = \"debug\"\n";
  const bool has_file = GENERATE(true, false);
  Daemon daemon(has_file ? std::vector<std::string>{"--config=" + file} : std::vector<std::string>());
  const pid_t old = daemon.server();
  std::vector<std::string> replace = {daemon.command().front(), "--replace", "--socket", daemon.socket(), "--config"};
  replace.push_back(other);
  const Finished refused = run_to_end(replace);
  CHECK(refused.how == "exit 1");
  CHECK_THAT(refused.output,
             Catch::Contains(has_file ? "the running daemon reads " + file : "without a configuration file"));
  CHECK_THAT(refused.output, Catch::Contains("start it with --config " + other));
  CHECK(daemon.server() == old);
  if (!has_file) return;
  replace.back() = (directory.path() / "." / "doliumd.toml").string();  // the same, by another name
  CHECK(run_to_end(replace).how == "exit 0");
  CHECK(daemon.server() != old);
}

TEST_CASE("a store keeps its eviction policy, whatever the next server's configuration says") {
  const TemporaryDirectory directory;
  const std::string file = (directory.path() / "doliumd.toml").string();
  std::ofstream(file) << "[store]\neviction_policy = \"adaptive\"\n";
  Daemon daemon({"--config=" + file});
  put_numbered(*daemon.watcher(), 0, 10, 1000);
  const Census before = daemon.census();
  const pid_t old = daemon.server();
  const std::vector<std::string> replace = {daemon.command().front(), "--replace", "--socket", daemon.socket()};
  std::ofstream(file) << "[store]\neviction_policy = \"lru\"\n";
  CHECK(run_to_end(replace).how == "exit 0");
  CHECK(daemon.server() != old);
  CHECK(daemon.settled(before) == before);
  CHECK_THAT(daemon.log(), Catch::Contains("eviction_policy") && Catch::Contains("do not change"));
}

TEST_CASE("what was being written is dropped with the server, and says so") {
  const int signal = GENERATE(SIGKILL, SIGHUP);
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  const Census before = daemon.census();
  std::optional<ObjectBuilder> builder = client->create(id_of("a"), 100'000).value();
  ObjectBuilder other = client->create(id_of("b"), 100'000).value();
  replace_server(daemon, signal);
  REQUIRE(client->ping());
  // Nobody else is given the memory that is still being written to.
  CHECK(daemon.stats().unsealed_count == 2);
  std::ranges::fill(builder->data(), std::byte{1});
  const auto sealed = builder->seal();
  CHECK(outcome(sealed) == "disconnected");
  CHECK_THAT(sealed.error().message, Catch::Contains("dropped"));
  CHECK(outcome(client->get_raw(id_of("a"))) == "not_found");
  CHECK(outcome(client->put(id_of("a"), pattern(1000))) == "ok");
  CHECK(client->remove(id_of("a")).value());
  builder.reset();
  CHECK(outcome(other.abort()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a create that nobody answers does not give up what another thread is writing under the same id") {
  Daemon daemon({"--capacity=4MiB"});
  const std::shared_ptr<Client> client = daemon.connect();
  ObjectBuilder builder = client->create(id_of("x"), kMiB).value();
  const pid_t old = daemon.server();
  daemon.freeze();
  std::string second;
  const AsyncHandle asked =
      client->create_async(id_of("x"), kMiB, {}, [&](Result<ObjectBuilder> created) { second = outcome(created); });
  daemon.kill_server();
  REQUIRE(daemon.replaced(old));
  REQUIRE(run_until(*client, [&] { return !second.empty(); }));
  CHECK(second == "disconnected");
  CHECK(outcome(client->ping()) == "ok");  // behind whatever was asked on its behalf
  // Every byte that can be had is another's by now, and stays as it is.
  std::size_t count = 0;
  while (daemon.watcher()->put(id_of(count), pattern(200'000), {.pinned = true})) ++count;
  CHECK(count > 0);
  std::ranges::fill(builder.data(), std::byte{0xEE});
  for (std::size_t n = 0; n < count; ++n)
    CHECK(same(daemon.watcher()->get_raw(id_of(n)).value().data(), pattern(200'000)));
  CHECK(outcome(builder.seal()) == "disconnected");
  CHECK(eventually([&] { return daemon.stats().unsealed_count == 0; }));
}

TEST_CASE("objects that outlive their client are held through a restart") {
  Daemon daemon;
  std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(outcome(client->put(id_of("a"), pattern(1000))) == "ok");
  const Object object = client->get_raw(id_of("a")).value();
  client.reset();
  replace_server(daemon, SIGKILL);
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 0);
  CHECK(daemon.stats().in_use_count == 1);
  CHECK(same(object.data(), pattern(1000)));
}

TEST_CASE("the server is killed at random moments under load, and nothing sealed is lost") {
  const int kills = from_environment("DOLIUM_SERVER_KILLS", 20);
  const int seed = from_environment("DOLIUM_SEED", 1);
  CAPTURE(seed);
  Daemon daemon({"--capacity=256MiB"});
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  std::atomic<std::uint64_t> steps = 0;
  std::atomic<bool> done = false;
  enum class State { sealed, removed, unknown };
  std::map<std::uint64_t, State> objects;  // by number; written by one thread, and read after it
  const ObjectId precious = id_of("precious");
  REQUIRE(outcome(daemon.watcher()->put(precious, pattern(200'000))) == "ok");
  const auto load = [&, writer = daemon.connect()](std::uint32_t own_seed) -> std::string {
    std::mt19937 own(own_seed);
    const auto below = [&](std::uint32_t n) { return own() % n; };
    const Object held = writer->get_raw(precious).value();
    for (std::uint64_t number = 0; !done; ++number, ++steps) {
      const ObjectId id = id_of(number);
      std::vector<std::byte> bytes(below(8) == 0 ? 70'000 + below(100'000) : 8 + below(4000));
      fill_payload(bytes, id, number);
      std::string how = outcome(writer->put(id, bytes));
      if (how != "ok" && how != "disconnected") return "put: " + how;
      objects[number] = how == "ok" ? State::sealed : State::unknown;
      if (number >= 400) {
        auto& victim = objects[number - 400];
        how = outcome(writer->remove(id_of(number - 400)));
        if (how != "ok" && how != "disconnected") return "remove: " + how;
        victim = how == "ok" ? State::removed : State::unknown;
      }
      const auto there = writer->get_raw(id, no_wait);
      if (objects[number] == State::sealed && !(there && is_payload(there->data(), id)))
        return "a sealed object is lost";
      if (!same(held.data(), pattern(200'000))) return "what was held has changed";
    }
    return "ok";
  };
  auto loading = std::async(std::launch::async, load, static_cast<std::uint32_t>(seed));
  std::chrono::nanoseconds longest{0};
  for (int kill = 0; kill < kills; ++kill) {
    const std::uint64_t until = steps + random() % 200;
    while (steps < until && loading.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      std::this_thread::yield();
    const auto begun = std::chrono::steady_clock::now();
    replace_server(daemon, SIGKILL);
    longest = std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - begun);
  }
  done = true;
  REQUIRE(loading.get() == "ok");
  std::uint64_t sealed = 0;
  std::uint64_t unknown = 0;
  for (const auto& [number, state] : objects) {
    const auto there = daemon.watcher()->get_raw(id_of(number));
    if (there) CHECK(is_payload(there->data(), id_of(number)));
    if (state == State::sealed) CHECK(there.has_value());
    if (state == State::removed) CHECK_FALSE(there.has_value());
    sealed += state == State::sealed ? 1 : 0;
    unknown += state == State::unknown ? 1 : 0;
  }
  check_books(daemon);
  CHECK(same(daemon.watcher()->get_raw(precious).value().data(), pattern(200'000)));
  fmt::print(
      "{} kills of the server: {} of {} objects sealed and whole, {} requests without an answer, served again "
      "after {} ms at most\n",
      kills, sealed, objects.size(), unknown, std::chrono::duration_cast<std::chrono::milliseconds>(longest).count());
}

TEST_CASE("a hundred thousand objects are there again at once") {
  Daemon daemon({"--capacity=256MiB"});
  constexpr std::uint64_t kObjects = 100'000;
  constexpr std::size_t kBatch = 4000;
  const std::vector<std::byte> bytes = pattern(1000);
  for (std::uint64_t first = 0; first < kObjects; first += kBatch) {
    std::vector<PutItem> items(kBatch);
    for (std::size_t i = 0; i < kBatch; ++i) items[i] = {.id = id_of(first + i), .data = bytes};
    REQUIRE(outcome(daemon.watcher()->put_many(items)) == "ok");
  }
  REQUIRE(daemon.stats().total_objects == kObjects);
  const auto begun = std::chrono::steady_clock::now();
  replace_server(daemon, SIGKILL);
  const auto took = std::chrono::steady_clock::now() - begun;
  CHECK(daemon.stats().total_objects == kObjects);
  check_books(daemon);
  fmt::print("served again with {} objects after {} ms\n", kObjects,
             std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
}
