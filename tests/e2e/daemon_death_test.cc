// The end of the daemon: killed, stopped, started twice, started again. Its clients get an error, and never hang.

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <future>

#include "tests/client/store_under_test.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// Every call that the daemon must answer.
std::vector<std::pair<const char*, std::string>> outcomes_of_all_calls(Client& client) {
  const ObjectId absent = id_of("absent");
  const std::vector<PutItem> items(3);
  return {{"create", outcome(client.create(absent, 10))},
          {"put", outcome(client.put(absent, pattern(10)))},
          {"large put", outcome(client.put(absent, pattern(100'000)))},
          {"put_many", outcome(client.put_many(items))},
          {"typed put", outcome(client.put(42))},
          {"get_raw", outcome(client.get_raw(absent))},
          {"waiting get_raw", outcome(client.get_raw(absent, wait_forever))},
          {"get_many", outcome(client.get_many(std::span(&absent, 1)))},
          {"waiting get_many", outcome(client.get_many(std::span(&absent, 1), wait_forever))},
          {"exists", outcome(client.exists(absent))},
          {"metadata", outcome(client.metadata(absent))},
          {"pin", outcome(client.pin(absent))},
          {"unpin", outcome(client.unpin(absent))},
          {"extend_grace", outcome(client.extend_grace(absent, std::chrono::seconds(1)))},
          {"remove", outcome(client.remove(absent))},
          {"take", outcome(client.take_raw(absent))},
          {"waiting take", outcome(client.take_raw(absent, wait_forever))},
          {"evict", outcome(client.evict(1))},
          {"clear", outcome(client.clear())},
          {"stats", outcome(client.stats())},
          {"list", outcome(client.list())},
          {"clients", outcome(client.clients())},
          {"subscribe", outcome(client.subscribe())},
          {"ping", outcome(client.ping())},
          {"process_events", outcome(client.process_events())}};
}

void end(Daemon& daemon, int signal) {
  if (signal == SIGKILL)
    CHECK(daemon.kill() == "signal 9");
  else
    CHECK(daemon.stop() == "exit 0");
}

}  // namespace

TEST_CASE("when the daemon ends, objects stay readable and every call says disconnected") {
  const int signal = GENERATE(SIGKILL, SIGTERM);
  CAPTURE(signal);
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(outcome(client->put(id_of("a"), pattern(100'000))) == "ok");
  REQUIRE(outcome(client->put(id_of("b"), pattern(1000))) == "ok");
  const Object object = client->get_raw(id_of("a")).value();
  ObjectBuilder builder = client->create(id_of("unsealed"), 1000).value();
  end(daemon, signal);
  CHECK(same(object.data(), pattern(100'000)));
  const Object copy = object;
  CHECK(same(copy.data(), pattern(100'000)));
  for (const auto& [call, how] : outcomes_of_all_calls(*client)) {
    INFO(call);
    CHECK(how == "disconnected");
  }
  std::ranges::fill(builder.data(), std::byte{1});  // still memory
  CHECK(outcome(builder.seal()) == "disconnected");
  // Nor is anything got that is in the index still.
  CHECK(outcome(client->get_raw(id_of("b"))) == "disconnected");
  CHECK_FALSE(client->try_get(id_of("b")).has_value());
  CHECK(outcome(client->exists(id_of("b"))) == "disconnected");
  CHECK(outcome(client->exists_many(std::array{id_of("a"), id_of("b")})) == "disconnected");
  CHECK(outcome(client->get_many(std::array{id_of("a"), id_of("b")})) == "disconnected");
  if (signal == SIGTERM) CHECK_THAT(client->ping().error().message, Catch::Contains("shutting down"));
}

TEST_CASE("when the daemon ends, whoever waits is woken with disconnected") {
  const int signal = GENERATE(SIGKILL, SIGTERM);
  CAPTURE(signal);
  Daemon daemon({"--capacity=1MiB"});
  put_numbered(*daemon.watcher(), 0, 1, kMiB, {.pinned = true});
  Worker getting(daemon);
  getting.tell("get never forever");
  Worker creating(daemon);
  creating.tell("create never 1000 forever");
  Worker subscribed(daemon);
  REQUIRE(subscribed.ask("subscribe") == "ok");
  subscribed.tell("drain never");
  Worker polling(daemon);
  REQUIRE(polling.ask("get_async never") == "ok");
  REQUIRE(polling.ask("create_async never 1000") == "ok");
  polling.tell("process 2");
  // Threads of one client: one of them reads for all.
  const std::shared_ptr<Client> shared = daemon.connect();
  std::vector<std::future<std::string>> threads;
  for (int n = 0; n < 4; ++n)
    threads.push_back(std::async(std::launch::async, [&] { return outcome(shared->get_raw(id_of("x"), kPatience)); }));
  REQUIRE(daemon.waits(2 + threads.size(), 2));
  end(daemon, signal);
  CHECK(getting.reply() == "disconnected");
  CHECK(creating.reply() == "disconnected");
  CHECK(subscribed.reply() == "disconnected");
  CHECK(polling.reply() == "disconnected disconnected");
  for (auto& thread : threads) CHECK(thread.get() == "disconnected");
}

TEST_CASE("SIGTERM: nobody can hold the daemon up, and its socket is gone") {
  Daemon daemon;
  Worker frozen(daemon);
  REQUIRE(frozen.ask("subscribe") == "ok");
  frozen.process().freeze();
  std::vector<PutItem> items(4096);  // more events than a socket takes
  for (std::size_t i = 0; i < items.size(); ++i) items[i].id = id_of(i);
  REQUIRE(outcome(daemon.watcher()->put_many(items)) == "ok");
  CHECK(daemon.stop() == "exit 0");
  CHECK_FALSE(std::filesystem::exists(daemon.socket()));
  CHECK_THAT(daemon.log(), Catch::Contains("SIGTERM"));
  frozen.process().thaw();
  CHECK(frozen.ask("ping") == "disconnected");
}

TEST_CASE("SIGINT ends the daemon as SIGTERM does") {
  Daemon daemon;
  daemon.process().signal(SIGINT);
  CHECK(daemon.process().wait() == "exit 0");
}

TEST_CASE("a second daemon on the same socket refuses, and disturbs nobody") {
  Daemon daemon;
  put_numbered(*daemon.watcher(), 0, 1, 100);
  const Census before = daemon.census();
  const Finished second = run_to_end(daemon.command());
  CHECK(second.how == "exit 1");
  CHECK_THAT(second.output, Catch::Contains(daemon.socket()));
  CHECK_THAT(second.output, Catch::Contains("already"));
  CHECK(std::ranges::count(second.output, '\n') == 1);
  CHECK(daemon.settled(before) == before);
  CHECK(same(daemon.connect()->get_raw(id_of(0)).value().data(), pattern(100)));
}

TEST_CASE("of daemons that start at once on a stale socket, exactly one serves") {
  Daemon daemon;
  CHECK(daemon.kill() == "signal 9");
  std::vector<Process> rivals;
  for (int n = 0; n < 4; ++n) rivals.push_back(Process::start(daemon.command(), {}));
  const auto running = [&] {
    return std::ranges::count_if(rivals, [](const Process& rival) { return rival.running(); });
  };
  CHECK(eventually([&] { return running() == 1; }));
  CHECK(outcome(daemon.connect()->ping()) == "ok");
  CHECK(running() == 1);
}

TEST_CASE("a socket that a killed daemon left behind is recognised as stale") {
  Daemon daemon;
  Worker old(daemon);
  REQUIRE(old.ask("put a 1000") == "ok");
  REQUIRE(old.ask("get a") == "ok");
  CHECK(daemon.kill() == "signal 9");
  CHECK(std::filesystem::exists(daemon.socket()));
  CHECK(outcome(Client::connect(daemon.socket(), {.connect_timeout = no_wait})) == "disconnected");
  daemon.start_again();
  CHECK(daemon.stats().total_objects == 0);
  CHECK(old.ask("check a") == "ok");
  CHECK(old.ask("ping") == "disconnected");
  CHECK(old.ask("connect") == "ok");
  CHECK(old.ask("put a 1000") == "ok");
}

TEST_CASE("a client may come before its daemon") {
  Daemon daemon;
  CHECK(daemon.stop() == "exit 0");
  Worker early = Worker::unconnected(daemon);
  early.tell("connect");
  daemon.start_again();
  CHECK(early.reply() == "ok");
}

TEST_CASE("a daemon's end leaves nothing of it in its clients once they let go") {
  Daemon daemon;
  {
    const std::shared_ptr<Client> client = daemon.connect();
    REQUIRE(outcome(client->put(id_of("a"), pattern(1000))) == "ok");
    const Object object = client->get_raw(id_of("a")).value();
    const Subscription events = client->subscribe().value();
    const AsyncHandle pending = client->get_async(id_of("b"), wait_forever, [](const Result<Object>&) {});
    CHECK(daemon.kill() == "signal 9");
  }
  // The fixture counts descriptors and mappings.
}
