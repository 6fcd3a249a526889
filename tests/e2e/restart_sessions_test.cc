// The server's death, seen by its clients: each session resumes with the next server, over a new connection, once, and
// only for its own process (or for a child that was not yet known, with its token). Waiting calls go on waiting; a call
// with an unknown outcome reports that; sessions that have ended or were cut off do not resume. Objects:
// restart_test.cc.

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <future>
#include <memory>

#include "tests/client/store_under_test.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

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
  const std::size_t before = daemon.process().settled_descriptors();
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
