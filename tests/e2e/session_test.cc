// What belongs to one connection: who may seal, the objects that builders and Objects keep alive, and the limits.

#include <catch2/catch.hpp>

#include "protocol/convert.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// The code of an ErrorReply, by name; "ok" for any other reply.
std::string outcome_of_reply(const protocol::ReplyFrame* frame) {
  if (frame == nullptr) return "no reply";
  if (const auto* error = frame->body_as_ErrorReply()) return std::string(to_string(protocol::from_wire(*error).code));
  return "ok";
}

template <class Request>
Request about(const ObjectId& id) {
  Request request;
  request.id = protocol::to_wire_pointer(id);
  return request;
}

template <class Request>
std::string ask(RawClient& raw, Request request) {
  if (!raw.request(7, std::move(request))) return "not sent";
  return outcome_of_reply(raw.receive());
}

std::unique_ptr<protocol::NewObjectT> wire_object(const ObjectId& id) {
  auto object = std::make_unique<protocol::NewObjectT>();
  object->id = protocol::to_wire_pointer(id);
  return object;
}

}  // namespace

TEST_CASE("only the creator may seal or abort, whatever another client says") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker creator(daemon);
  REQUIRE(creator.ask("create a 1000") == "ok");
  {
    RawClient other(daemon.socket());
    other.hello();
    CHECK(ask(other, about<protocol::SealRequestT>(id_of("a"))) == "permission_denied");
    CHECK(ask(other, about<protocol::AbortRequestT>(id_of("a"))) == "permission_denied");
    CHECK(ask(other, about<protocol::SealRequestT>(id_of("absent"))) == "not_found");
    CHECK(ask(other, about<protocol::AbortRequestT>(id_of("absent"))) == "not_found");
    CHECK(outcome(daemon.watcher()->remove(id_of("a"))) == "not_sealed");
    CHECK(outcome(daemon.watcher()->pin(id_of("a"))) == "not_sealed");
    REQUIRE(creator.ask("seal a") == "ok");
    CHECK(ask(other, about<protocol::SealRequestT>(id_of("a"))) == "already_sealed");
    CHECK(ask(other, about<protocol::AbortRequestT>(id_of("a"))) == "already_sealed");
    CHECK(ask(other, protocol::PingRequestT()) == "ok");  // none of this is misbehaviour
  }
  CHECK(creator.ask("get a") == "ok");
  CHECK(creator.finish() == "exit 0");
  REQUIRE(daemon.watcher()->remove(id_of("a")).value());
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a builder that is dropped aborts, and one outlives its client") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker(daemon);
  REQUIRE(worker.ask("create a 1000") == "ok");
  REQUIRE(worker.ask("create b 1000") == "ok");
  REQUIRE(worker.ask("drop a") == "ok");
  CHECK(daemon.census().unsealed == 1);
  REQUIRE(worker.ask("disconnect") == "ok");
  CHECK(daemon.census().unsealed == 1);
  REQUIRE(worker.ask("seal b") == "ok");
  Census after = before;
  after.objects = 1;
  after.used_bytes = 1024;
  CHECK(daemon.settled(after) == after);
  REQUIRE(worker.ask("connect") == "ok");
  CHECK(worker.ask("get b") == "ok");
}

TEST_CASE("a program that ends in order leaves nothing but what it sealed") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker(daemon);
  for (const char* command : {"create a 1000", "put b 1000", "get b", "get_async c", "subscribe", "connect", "get b",
                              "create d 100000", "remove b"})
    REQUIRE(worker.ask(command) == "ok");
  CHECK(worker.finish() == "exit 0");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("Objects outlive their Client, and keep what they show from eviction") {
  Daemon daemon({"--capacity=1MiB"});
  const Census before = daemon.census();
  std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(outcome(client->put(id_of("a"), pattern(100'000))) == "ok");
  Object object = client->get_raw(id_of("a")).value();
  const std::uint64_t session = client->session_id();
  client.reset();
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 0);
  CHECK(daemon.census().clients == before.clients + 1);
  CHECK(std::ranges::count(daemon.watcher()->clients().value(), session, &ClientInfo::session_id) == 1);
  SECTION("released, then evicted") {
    object.reset();
    Census after = before;
    after.objects = 1;
    after.used_bytes = 100'032;
    CHECK(daemon.settled(after) == after);
    CHECK(daemon.watcher()->evict(1).value() == 100'032);
  }
  SECTION("removed, then released") {
    REQUIRE(daemon.watcher()->remove(id_of("a")).value());
    CHECK(daemon.census().retired == 1);
    CHECK(same(object.data(), pattern(100'000)));
    object.reset();
  }
  SECTION("what waits for room is served when the last of them goes") {
    Worker waiter(daemon);
    waiter.tell("create b 1000000 forever");
    REQUIRE(daemon.waits(0, 1));
    object.reset();
    CHECK(waiter.reply() == "ok");
  }
  if (daemon.census().objects == 0) CHECK(daemon.settled(before) == before);
}

TEST_CASE("a client that only reads is refused every verb that writes") {
  Daemon daemon;
  put_numbered(*daemon.watcher(), 0, 1, 1000);
  const Census before = daemon.census();
  SECTION("by its library") {
    Worker reader = Worker::unconnected(daemon);
    REQUIRE(reader.ask("connect read_only") == "ok");
    for (const char* command :
         {"put a 10", "put a 100000", "create a 10", "pin a", "unpin a", "remove a", "evict 1", "clear"})
      CHECK(reader.ask(command) == "permission_denied");
    REQUIRE(reader.ask("create_async a 10") == "ok");
    CHECK(reader.ask("process 1") == "permission_denied");
    CHECK(reader.ask("exists a") == "ok no");
    CHECK(reader.finish() == "exit 0");
  }
  SECTION("by the daemon") {
    RawClient raw(daemon.socket());
    CHECK(raw.hello(Access::read_only).size() == 4);  // index, arena, its own pin table, eventfd
    protocol::CreateRequestT create;
    create.object = wire_object(id_of("a"));
    CHECK(ask(raw, std::move(create)) == "permission_denied");
    CHECK(ask(raw, protocol::PutRequestT()) == "permission_denied");
    CHECK(ask(raw, about<protocol::LeaseRequestT>(id_of("lease"))) == "permission_denied");
    CHECK(ask(raw, about<protocol::SealRequestT>(id_of(0))) == "permission_denied");
    CHECK(ask(raw, about<protocol::AbortRequestT>(id_of(0))) == "permission_denied");
    CHECK(ask(raw, about<protocol::PinRequestT>(id_of(0))) == "permission_denied");
    CHECK(ask(raw, about<protocol::UnpinRequestT>(id_of(0))) == "permission_denied");
    CHECK(ask(raw, about<protocol::RemoveRequestT>(id_of(0))) == "permission_denied");
    CHECK(ask(raw, protocol::EvictRequestT()) == "permission_denied");
    CHECK(ask(raw, protocol::ClearRequestT()) == "permission_denied");
    CHECK(ask(raw, protocol::TrimRequestT()) == "permission_denied");
    CHECK(ask(raw, protocol::SpillOrderRequestT()) == "permission_denied");
    CHECK(ask(raw, protocol::ForgetSpilledRequestT()) == "permission_denied");
    CHECK(ask(raw, about<protocol::TakeRequestT>(id_of(0))) == "permission_denied");
    CHECK(ask(raw, about<protocol::ExtendGraceRequestT>(id_of(0))) == "permission_denied");
    CHECK(ask(raw, about<protocol::MetadataRequestT>(id_of(0))) == "ok");
    CHECK(ask(raw, protocol::StatsRequestT()) == "ok");
  }
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a client that only reads has no writable memory but its pin table, and cannot make any") {
  Daemon daemon;
  Worker reader = Worker::unconnected(daemon);
  REQUIRE(reader.ask("connect read_only") == "ok");
  CHECK(reader.ask("memory") == "ok arena:r--s index:r--s mprotect:refused open:arena pins:rw-s rings:rw-s");
}

// But for the read-only descriptor that private copies are mapped from.
TEST_CASE("what a writer gets to read it cannot write through, and nothing stays open") {
  Daemon daemon;
  Worker writer(daemon);
  CHECK(writer.ask("memory") == "ok arena:r--s arena:rw-s index:r--s mprotect:refused open:arena pins:rw-s rings:rw-s");
}

TEST_CASE("two hundred clients") {
  Daemon daemon({"--capacity=16MiB"});
  const Census before = daemon.census();
  const std::string log = daemon.log();
  constexpr int kWorkers = 10;
  constexpr int kEach = 20;
  std::vector<Worker> workers;
  for (int n = 0; n < kWorkers; ++n) workers.push_back(Worker::unconnected(daemon));
  const auto all = [&](auto&& command) {
    for (int n = 0; n < kWorkers; ++n) workers[static_cast<std::size_t>(n)].tell(command(n));
    for (Worker& worker : workers) CHECK(worker.reply() == "ok");
  };
  for (int k = 0; k < kEach; ++k) {
    const std::string round = ' ' + std::to_string(k) + '.';
    all([](int) { return std::string("connect"); });
    all([&](int n) { return "put" + round + std::to_string(n) + " 5000"; });
    all([&](int n) { return "get" + round + std::to_string((n + 1) % kWorkers); });
    all([&](int n) { return "create" + round + std::to_string(n) + "u 5000"; });
  }
  const Census crowded = daemon.census();
  CHECK(crowded.clients == before.clients + kWorkers * kEach);
  CHECK(crowded.objects == kWorkers * kEach);
  CHECK(crowded.in_use == kWorkers * kEach);
  CHECK(crowded.unsealed == kWorkers * kEach);
  CHECK(daemon.watcher()->clients().value().size() == crowded.clients);
  for (int n = 0; n < kWorkers; n += 2) workers[static_cast<std::size_t>(n)].kill();
  for (int n = 1; n < kWorkers; n += 2) CHECK(workers[static_cast<std::size_t>(n)].finish() == "exit 0");
  REQUIRE(eventually([&] { return daemon.census().clients == before.clients; }));
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == crowded.objects * 5056);
  CHECK(daemon.settled(before) == before);
  CHECK(daemon.log() == log);  // none of this is worth an operator's line
}
