// The doctor, and inspect's list of users, against real daemons and real processes.

#include <csignal>
#include <optional>

#include "tests/cli/command.h"
#include "tests/e2e/worker.h"

namespace dolium::test {
namespace {

using Catch::Matchers::Contains;

nlohmann::json on(const Ran& ran, const std::string& section, const std::string& topic) {
  const nlohmann::json json = ran.json();  // it outlives the loop over a part of it
  for (const auto& each : json.at("findings"))
    if (each.at("section") == section && each.at("topic") == topic) return each;
  FAIL("nothing was said of " << topic << "\n" << ran);
  return {};
}

/// The daemon's part of what is found: hosts differ.
std::size_t problems(const Ran& ran, const std::string& section) {
  std::size_t count = 0;
  const nlohmann::json json = ran.json();  // it outlives the loop over a part of it
  for (const auto& each : json.at("findings"))
    if (each.at("section") == section && each.at("level") == "problem") ++count;
  return count;
}

}  // namespace

TEST_CASE("the doctor finds a fresh daemon well") {
  const e2e::Daemon daemon({"--capacity=4MiB"});
  const Command dolium(daemon);
  const Ran ran = dolium.run({"doctor", "--json"});
  INFO(ran);
  for (const char* section : {"socket", "daemon", "store", "clients"}) CHECK(problems(ran, section) == 0);
  CHECK(ran.json().at("daemon_answers") == true);
  CHECK(on(ran, "daemon", "version").at("level") == "fine");
  CHECK(ran.how == (ran.json().at("problem_count") == 0 ? "exit 0" : "exit 8"));
  const Ran words = dolium.run({"doctor"});
  CHECK_THAT(words.out, Contains("host\n") && Contains("daemon\n") && Contains("answers; pid "));
  CHECK_THAT(words.out, Contains(fmt::format("pid {}, ", daemon.server())));
}

TEST_CASE("the doctor explains why the last create failed, and who held the memory then") {
  const e2e::Daemon daemon({"--capacity=1MiB"});
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  put_numbered(store, 0, 1, 768 * kKiB);
  std::optional<Object> held = store.get_raw(id_of(0)).value();
  CHECK(outcome(store.put(id_of(1), pattern(512 * kKiB))) == "out_of_memory");
  const Ran ran = dolium.run({"doctor", "--json"});
  const auto refusal = on(ran, "store", "last refusal");
  INFO(refusal);
  CHECK(ran.how == "exit 8");
  CHECK_THAT(ran.error, Contains(" found"));
  CHECK(refusal.at("level") == "problem");
  const std::string found = refusal.at("found"), meaning = refusal.at("meaning");
  CHECK_THAT(found, Contains(id_of(1).hex()) && Contains("512 KiB") && Contains(fmt::format("(pid {}", ::getpid())) &&
                        Contains("no room for 512 KiB in one piece"));
  CHECK_THAT(meaning, Contains("256 KiB were free, in pieces of at most 256 KiB") && Contains("768 KiB held") &&
                          Contains("In total, 1 create was refused"));
  const auto stats = dolium.run({"stats", "--json"}).json();
  CHECK(stats.at("last_refusal").at("holders").at(0).at("pid") == ::getpid());
  CHECK(stats.at("last_refusal").at("code") == "out_of_memory");

  held.reset();
  REQUIRE(store.remove(id_of(0)).value());
  const auto outlived = on(dolium.run({"doctor", "--json"}), "store", "last refusal");
  CHECK(outlived.at("level") == "note");
  CHECK_THAT(outlived.at("meaning").get<std::string>(), Contains("would succeed now: 1 MiB are free in one piece"));
}

TEST_CASE("causes: the doctor knows by an enum what refused a create, not by the daemon's words") {
  const e2e::Daemon daemon({"--capacity=1MiB", "--max-objects=2", "--max-unsealed-bytes-per-client=512KiB",
                            "--max-pinned-bytes-per-user=256KiB"});
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  const auto remedy = [&] { return on(dolium.run({"doctor", "--json"}), "store", "last refusal").at("remedy"); };
  CHECK(outcome(store.create(id_of(0), 2 * kMiB)) == "too_large");
  CHECK_THAT(remedy().get<std::string>(), Catch::StartsWith("raise --capacity, or split the object"));
  CHECK(outcome(store.create(id_of(0), 768 * kKiB)) == "too_large");
  CHECK_THAT(remedy().get<std::string>(),
             Catch::StartsWith("raise max_unsealed_bytes_per_client, or split the object"));
  CHECK(outcome(store.put(id_of(0), pattern(300 * kKiB), {.pinned = true})) == "out_of_memory");
  CHECK_THAT(remedy().get<std::string>(), Contains("raise max_pinned_bytes_per_user"));
  ObjectBuilder first = store.create(id_of(0), 300 * kKiB).value();
  CHECK(outcome(store.create(id_of(1), 300 * kKiB)) == "out_of_memory");
  CHECK_THAT(remedy().get<std::string>(), Contains("seal or abort its objects"));
  const ObjectBuilder second = store.create(id_of(1), 100 * kKiB).value();
  CHECK(outcome(store.create(id_of(2), 10)) == "out_of_memory");
  CHECK_THAT(remedy().get<std::string>(), Catch::StartsWith("release") && Contains("raise max_objects"));
  CreateOptions waiting;
  waiting.timeout = std::chrono::milliseconds(1);
  CHECK(outcome(store.create(id_of(2), 10, waiting)) == "timed_out");
  CHECK_THAT(remedy().get<std::string>(), Catch::StartsWith("release") && Contains("raise max_objects"));
}

TEST_CASE("refusals of many and deferred puts are remembered like any other") {
  const e2e::Daemon daemon({"--capacity=64KiB"});
  Client& store = *daemon.watcher();
  CreateOptions pinned;
  pinned.pinned = true;
  REQUIRE(store.put(id_of(0), pattern(60 * kKiB), pinned).has_value());
  const Bytes bytes = pattern(8 * kKiB);
  const PutItem item{id_of(1), bytes, {}};
  CHECK(outcome(store.put_many({&item, 1}).value().at(0)) == "out_of_memory");
  CHECK(daemon.stats().last_refusal.value().id == id_of(1));
  REQUIRE(store.put_deferred(id_of(2), bytes).has_value());
  CHECK(store.flush().value().size() == 1);
  CHECK(daemon.stats().last_refusal.value().id == id_of(2));
  CHECK(daemon.stats().out_of_memory_count == 2);
}

TEST_CASE("the doctor names a client that stands still") {
  const e2e::Daemon daemon({"--capacity=4MiB"});
  const Command dolium(daemon);
  e2e::Worker worker(daemon);
  REQUIRE(worker.ask("put x 1048576") == "ok");
  REQUIRE(worker.ask("get x") == "ok");
  worker.process().signal(SIGSTOP);
  const std::string topic = fmt::format("e2e_worker (pid {}", worker.process().pid());
  const auto said = [&] { return dolium.run({"doctor"}).out; };
  CHECK(eventually([&] { return said().find("PROBLEM " + topic) != std::string::npos; }));
  CHECK_THAT(said(), Contains("is stopped; it holds 1 MiB"));
  worker.process().signal(SIGCONT);
  CHECK(eventually([&] { return said().find("none is stopped") != std::string::npos; }));
}

TEST_CASE("without a daemon the doctor still examines the host") {
  e2e::Daemon daemon;
  const Command dolium(daemon);
  static_cast<void>(daemon.release_watcher());
  CHECK(daemon.stop() == "exit 0");
  const Ran ran = dolium.run({"doctor", "--json", "--capacity", "4KiB"});
  CHECK(ran.how == "exit 8");
  CHECK(ran.json().at("daemon_answers") == false);
  CHECK(on(ran, "socket", "path").at("found") == "there is nothing at " + daemon.socket());
  CHECK(on(ran, "host", "shared memory").at("level") == "fine");
  CHECK(on(ran, "host", "memory").at("level") == "fine");
  const Ran large = dolium.run({"doctor", "--json", "--capacity", "200TiB"});
  CHECK(on(large, "host", "memory").at("level") == "problem");
  CHECK(dolium.run({"doctor", "--capacity", "much"}).failed(2));
}

TEST_CASE("the socket's file removed: the doctor finds the daemon by its lock, and what it says to do helps") {
  e2e::Daemon daemon;
  const Command dolium(daemon);
  REQUIRE(std::filesystem::remove(daemon.socket()));
  const auto path = on(dolium.run({"doctor", "--json"}), "socket", "path");
  CHECK(path.at("level") == "problem");
  CHECK(path.at("found") == "there is nothing at " + daemon.socket() + ", but a daemon that listens there runs");
  CHECK_THAT(path.at("remedy").get<std::string>(),
             Contains(fmt::format("kill -HUP {} (the keeper)", daemon.process().pid())));
  e2e::replace_server(daemon, SIGHUP);
  CHECK(problems(dolium.run({"doctor", "--json"}), "socket") == 0);
  REQUIRE(std::filesystem::remove(daemon.socket() + ".lock"));
  const auto lock = on(dolium.run({"doctor", "--json"}), "socket", "lock");
  CHECK_THAT(lock.at("found").get<std::string>(), Contains(".lock was removed"));
}

TEST_CASE("pids of other namespaces: dolium clients shows what clients say of themselves") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  REQUIRE(::setenv("POD_NAME", "trainer-0", 1) == 0);
  const std::shared_ptr<Client> client = daemon.connect({.name = "loader"});
  REQUIRE(::unsetenv("POD_NAME") == 0);
  const nlohmann::json clients = dolium.run({"clients", "--json"}).json();
  const auto loader = std::ranges::find_if(clients, [](const auto& each) { return each.at("name") == "loader"; });
  REQUIRE(loader != clients.end());
  CHECK(loader->at("origin").at("pid") == ::getpid());
  CHECK(loader->at("origin").at("pod") == "trainer-0");
  CHECK(loader->at("origin").at("host") != "");
  CHECK_THAT(dolium.run({"clients"}).out, Contains("ORIGIN") && Contains("pod trainer-0"));
}

TEST_CASE("a socket that a killed daemon left is told from one that was never there") {
  e2e::Daemon daemon;
  const Command dolium(daemon);
  static_cast<void>(daemon.release_watcher());
  CHECK(daemon.kill() == "signal 9");
  Ran ran;
  // The server does not outlive its keeper, but it may be a moment behind it.
  const auto refused = [&] {
    ran = dolium.run({"doctor"});
    return ran.out.find("its daemon was killed") != std::string::npos;
  };
  CHECK(eventually(refused));
  INFO(ran);
  CHECK(ran.how == "exit 8");
  CHECK_THAT(ran.out, Contains("ok      path: " + daemon.socket()));
}

TEST_CASE("inspect says who made an object, who holds it and who waits for it") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  put_numbered(store, 0, 1, 100);
  const std::string me = fmt::format("(pid {}", ::getpid());
  CHECK_THAT(dolium.run({"inspect", id_of(0).hex()}).out, Contains("creator") && Contains(me));
  CHECK_THAT(dolium.run({"inspect", id_of(0).hex()}).out, !Contains("held by"));
  {
    const Object one = store.get_raw(id_of(0)).value();
    const Object two = one;
    const Ran ran = dolium.run({"inspect", id_of(0).hex()});
    INFO(ran);
    CHECK_THAT(ran.out, Contains("held by") && Contains("2 references"));
    const auto holders = dolium.run({"inspect", id_of(0).hex(), "--json"}).json().at("holders");
    CHECK(holders.at(0).at("pid") == ::getpid());
    CHECK(holders.at(0).at("references") == 2);
  }
  auto builder = store.create(id_of(1), 10).value();
  const auto waiting = daemon.connect();
  const AsyncHandle handle = waiting->get_async(id_of(1), wait_forever, [](const Result<Object>&) {});
  const AsyncHandle early = waiting->get_async(id_of(2), wait_forever, [](const Result<Object>&) {});
  REQUIRE(eventually([&] { return daemon.waits(2, 0); }));
  CHECK_THAT(dolium.run({"inspect", id_of(1).hex()}).out, Contains("waited for by") && Contains(me));
  CHECK_THAT(dolium.run({"inspect", id_of(2).hex()}).error,
             Contains("there is no object " + id_of(2).hex() + "; a client waits for it to be sealed:"));
}

}  // namespace dolium::test
