// The server's death: killed, or told to make way, while the keeper lives. Clients go on, and nothing sealed is lost.

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/recount.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// SIGKILL to the server, or SIGHUP to the keeper; until another one answers.
void replace_server(Daemon& daemon, int signal) {
  const pid_t old = daemon.server();
  if (signal == SIGKILL)
    daemon.kill_server();
  else
    daemon.process().signal(signal);
  REQUIRE(daemon.replaced(old));
}

/// The daemon's books against what it lists: nothing is retired or unsealed.
void check_books(const Daemon& daemon) {
  std::uint64_t bytes = 0;
  const std::vector<ObjectMetadata> objects = daemon.watcher()->list().value();
  for (const ObjectMetadata& object : objects) bytes += taken_by(object);
  const StoreStats stats = daemon.stats();
  CHECK(stats.unsealed_count == 0);
  CHECK(stats.retired_count == 0);
  CHECK(stats.total_objects == objects.size());
  CHECK(stats.used_bytes == bytes);
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
  REQUIRE(outcome(client->put(id_of("c"), pattern(10), {.time_to_live = std::chrono::hours(1)})) == "ok");
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
    CHECK(outcome(client->get_raw(id_of("b"))) == "not_found");
    CHECK(client->evict(UINT64_MAX).value() != 0);  // c alone: the others are held
    CHECK(worker.ask("check a") == "ok");
    CHECK(outcome(client->put(id_of("c"), pattern(10), {.time_to_live = std::chrono::hours(1)})) == "ok");
  }
}

TEST_CASE("who had nothing to say while the server was replaced finds the next one with the first call") {
  const int signal = GENERATE(SIGKILL, SIGHUP);
  const bool rings = GENERATE(true, false);
  CAPTURE(signal, rings);
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect({.rings = rings});
  std::uint64_t number = 0;
  const auto next_id = [&] { return id_of(number++); };
  const std::vector<std::pair<const char*, std::function<std::string()>>> calls = {
      {"put", [&] { return outcome(client->put(next_id(), pattern(10))); }},
      {"create", [&] { return outcome(client->create(next_id(), 10)); }},
      {"remove", [&] { return outcome(client->remove(id_of(0))); }},
      {"put_many",
       [&] {
         std::vector<PutItem> items(1);
         items[0].id = next_id();
         return outcome(client->put_many(items));
       }},
      {"put_deferred",
       [&] {
         const Result<void> put = client->put_deferred(next_id(), pattern(10));
         return put ? outcome(client->flush()) : outcome(put);
       }},
      {"evict", [&] { return outcome(client->evict(1)); }},
      {"clear", [&] { return outcome(client->clear()); }}};
  for (const auto& [name, call] : calls) {
    INFO(name);
    replace_server(daemon, signal);
    CHECK(call() == "ok");
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
    CHECK(replaced.output == fmt::format("server {} goes on\n", daemon.server()));
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
    CHECK(eventually([&] { return daemon.log().find("stays as it is") != std::string::npos; }));
    CHECK_THAT(daemon.log(), Catch::Contains("chatty"));
  }
  SECTION("--replace says so itself") {
    const Finished refused = run_to_end(replace);
    CHECK(refused.how == "exit 1");
    CHECK_THAT(refused.output, Catch::Contains("the server goes on as it is") && Catch::Contains("chatty"));
  }
  CHECK(daemon.server() == old);
  CHECK(daemon.settled(before) == before);
  std::ofstream(file) << "[log]\nlevel = \"debug\"\n";
  CHECK(run_to_end(replace).how == "exit 0");
  CHECK(daemon.server() != old);
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("--replace with a configuration that the daemon does not read is refused, and nothing is replaced") {
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

TEST_CASE("who waits for an object goes on waiting while servers die") {
  Daemon daemon;
  Worker forever(daemon);
  forever.tell("get late forever");
  REQUIRE(daemon.waits(1, 0));
  const std::shared_ptr<Client> client = daemon.connect();
  for (int round = 0; round < 3; ++round) {
    replace_server(daemon, SIGKILL);
    REQUIRE(daemon.waits(1, 0));
  }
  auto bounded =
      std::async(std::launch::async, [&] { return outcome(client->get_raw(id_of("never"), std::chrono::seconds(1))); });
  replace_server(daemon, SIGKILL);
  CHECK(bounded.get() == "timed_out");
  Worker writer(daemon);
  REQUIRE(writer.ask("put late 1000") == "ok");
  CHECK(forever.reply() == "ok");
  CHECK(forever.ask("check late") == "ok");
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

TEST_CASE("deferred puts that were under way when the server died are told to be unknown, once") {
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(client->put_deferred(id_of("before"), bytes_of("before")));
  REQUIRE(client->flush().value().empty());
  daemon.freeze();
  for (std::size_t i = 0; i < 100; ++i) REQUIRE(client->put_deferred(id_of(i), bytes_of("under way")));
  const pid_t old = daemon.server();
  daemon.kill_server();
  REQUIRE(daemon.replaced(old));
  const auto told = client->flush();
  REQUIRE(outcome(told) == "disconnected");
  CHECK_THAT(told.error().message, Catch::Contains("deferred"));
  CHECK(client->flush().value().empty());
  CHECK(text_of(client->get_raw(id_of("before")).value().data()) == "before");
  REQUIRE(client->put_deferred(id_of("after"), bytes_of("after")));
  CHECK(client->flush().value().empty());
  CHECK(daemon.watcher()->exists(id_of("after")).value());
}

TEST_CASE("a subscription goes on, and says that there is a gap") {
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  Subscription events = client->subscribe().value();
  replace_server(daemon, SIGKILL);
  CHECK(events.next(kPatience).value().kind == Event::Kind::overflow);
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(10))) == "ok");
  CHECK(events.next(kPatience).value().id == id_of("a"));
}

TEST_CASE("clients that die with the server are forgotten by the next one") {
  Daemon daemon;
  put_numbered(*daemon.watcher(), 0, 3, 1000);
  const Census before = daemon.census();
  for (int round = 0; round < 5; ++round) {
    Worker worker(daemon);
    REQUIRE(worker.ask("create x 100000") == "ok");
    REQUIRE(worker.ask("put y 1000") == "ok");
    REQUIRE(worker.ask("get y") == "ok");
    const pid_t old = daemon.server();
    daemon.freeze();  // so that it does not see the worker go
    worker.kill();
    daemon.kill_server();
    REQUIRE(daemon.replaced(old));
    REQUIRE(daemon.watcher()->remove(id_of("y")).value());
    CHECK(daemon.settled(before) == before);
  }
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

TEST_CASE("a session is gone on with by the process whose it is, once, and by nobody else") {
  Daemon daemon;
  RawClient mine(daemon.socket());
  mine.hello();
  RawClient other(daemon.socket());
  other.hello();
  const auto resume = [&](std::uint64_t session, std::uint64_t token) {
    auto raw = std::make_unique<RawClient>(daemon.socket());
    protocol::HelloRequestT hello = RawClient::hello_request();
    hello.resume_of = session;
    hello.fork_token = token;
    raw->request(1, std::move(hello));
    return raw;
  };
  const auto refused = [&](std::uint64_t session, std::uint64_t token) {
    const auto raw = resume(session, token);  // the reply lies in it
    const protocol::ReplyFrame* frame = raw->receive();
    return frame != nullptr && frame->body_as_ErrorReply() != nullptr;
  };
  CHECK(refused(mine.session_id(), mine.fork_token()));  // its server is alive
  const Census before = daemon.census();
  replace_server(daemon, SIGKILL);
  CHECK(mine.receive() == nullptr);
  CHECK(refused(mine.session_id(), 0));
  CHECK(refused(mine.session_id(), mine.fork_token() + 1));
  CHECK(refused(mine.session_id(), other.fork_token()));
  const pid_t child = ::fork();  // has the token, but is another process
  if (child == 0) ::_exit(refused(mine.session_id(), mine.fork_token()) ? 0 : 1);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  const auto resumed = resume(mine.session_id(), mine.fork_token());
  const protocol::ReplyFrame* frame = resumed->receive();
  REQUIRE(frame != nullptr);
  REQUIRE(frame->body_as_HelloReply() != nullptr);
  CHECK(frame->body_as_HelloReply()->session_id() == mine.session_id());
  CHECK(resumed->take_descriptors().empty());
  mine.close();  // what it hung on before
  CHECK(refused(mine.session_id(), mine.fork_token()));
  REQUIRE(resumed->request(2, protocol::PingRequestT()));
  CHECK(resumed->receive() != nullptr);
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a child that had not said a word when the server died is gone on with by whichever process has its token") {
  Daemon daemon;
  RawClient parent(daemon.socket());
  parent.hello();
  RawClient copy(daemon.socket());
  const protocol::ReplyFrame* frame = copy.hello_of(parent.session_id(), parent.fork_token());
  REQUIRE((frame != nullptr && frame->body_as_HelloReply() != nullptr));
  const std::uint64_t session = frame->body_as_HelloReply()->session_id();
  const std::uint64_t token = frame->body_as_HelloReply()->fork_token();
  replace_server(daemon, SIGKILL);
  const pid_t child = ::fork();
  if (child == 0) {
    RawClient raw(daemon.socket());
    protocol::HelloRequestT hello = RawClient::hello_request();
    hello.resume_of = session;
    hello.fork_token = token;
    raw.request(1, std::move(hello));
    const protocol::ReplyFrame* reply = raw.receive();
    ::_exit(reply != nullptr && reply->body_as_HelloReply() != nullptr ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("who was ended for misbehaviour does not come back, and its memory stays its own") {
  Daemon daemon;
  daemon.expect_misbehaviour();
  RawClient raw(daemon.socket());
  raw.hello();
  REQUIRE(raw.request(0, protocol::PingRequestT()));
  CHECK_FALSE(raw.last_words().empty());
  replace_server(daemon, SIGKILL);
  RawClient again(daemon.socket());
  protocol::HelloRequestT hello = RawClient::hello_request();
  hello.resume_of = raw.session_id();
  hello.fork_token = raw.fork_token();
  again.request(1, std::move(hello));
  const protocol::ReplyFrame* frame = again.receive();
  REQUIRE(frame != nullptr);
  CHECK(frame->body_as_ErrorReply() != nullptr);
  CHECK(daemon.stats().client_count == 2);  // the watcher's, and what is left of it
}

TEST_CASE("who had closed its half of the connection is not taken for gone by the next server") {
  Daemon daemon;
  RawClient raw(daemon.socket());
  raw.hello();
  ::shutdown(raw.fd(), SHUT_WR);
  replace_server(daemon, SIGKILL);
  CHECK(daemon.stats().client_count == 2);
  raw.close();
  CHECK(eventually([&] { return daemon.stats().client_count == 1; }));
}

TEST_CASE("the keeper keeps nothing of who is gone") {
  Daemon daemon;
  replace_server(daemon, SIGKILL);
  const std::size_t before = daemon.process().descriptors();
  for (int round = 0; round < 3; ++round) {
    Worker worker(daemon);
    REQUIRE(worker.ask("ping") == "ok");
    CHECK(eventually([&] { return daemon.process().descriptors() > before; }));
    replace_server(daemon, SIGKILL);
    REQUIRE(worker.ask("ping") == "ok");
    worker.kill();
    CHECK(eventually([&] { return daemon.process().descriptors() == before; }));
  }
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
