// A create must not be refused while there is room: see tests/shm/room_refused_test.cc for the store alone.

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/payload.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::uint64_t kRefusedMemory = 64 * kMiB;
constexpr std::uint64_t kFifth = kRefusedMemory / 5;
constexpr std::size_t kClients = 8;
constexpr std::size_t kPutBytes = 2000;

ObjectId id_of_put(std::size_t client, std::size_t number) {
  return ObjectId::from_name("put " + std::to_string(client) + "." + std::to_string(number));
}

/// Puts as many as it takes until it has a lease.
void defer_until_leased(const Daemon& daemon, Client& client, std::size_t number) {
  const std::uint64_t before = daemon.stats().unsealed_bytes;
  Bytes bytes(kPutBytes);
  for (std::size_t n = 0; n < 2000; ++n) {
    fill_payload(bytes, id_of_put(number, n), n);
    REQUIRE(client.put_deferred(id_of_put(number, n), bytes));
    if (n % 16 == 0 && daemon.stats().unsealed_bytes > before) return;
  }
  FAIL("no lease");
}

}  // namespace

TEST_CASE("room that is there is refused: eight clients that deferred puts and never flush") {
  Daemon daemon({"--capacity=64MiB"});
  std::vector<std::shared_ptr<Client>> clients;
  const std::vector<std::byte> filler(kRefusedMemory / kClients - kMiB);
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(daemon.connect());
    defer_until_leased(daemon, *clients.back(), i);
    REQUIRE(daemon.watcher()->put(ObjectId::random(), filler));
  }
  const std::uint64_t leased = daemon.stats().unsealed_bytes;
  REQUIRE(leased > 0);
  {
    const auto first = daemon.watcher()->create(ObjectId::random(), kFifth);
    INFO((first ? "" : first.error().message));
    REQUIRE(first);
    CreateOptions soon;  // leases that were used just now are idle then
    soon.timeout = Timeout(kPatience);
    REQUIRE(daemon.watcher()->create(ObjectId::random(), 3 * kFifth, soon));
  }
  CHECK(daemon.stats().unsealed_bytes < leased);
  // A client whose lease is gone goes on without it, or with another.
  Bytes bytes(kPutBytes);
  for (std::size_t n = 0; n < 300; ++n) {
    const ObjectId id = id_of_put(100, n);
    fill_payload(bytes, id, n);
    REQUIRE(clients[0]->put_deferred(id, bytes));
  }
  REQUIRE(clients[0]->flush().value().empty());
  for (std::size_t n = 0; n < 300; ++n) {
    fill_payload(bytes, id_of_put(100, n), n);
    REQUIRE(same(clients[0]->get_raw(id_of_put(100, n)).value().data(), bytes));
  }
  for (const auto& client : clients) REQUIRE(client->flush().value().empty());
  CHECK(daemon.stats().unsealed_bytes == 0);
}

TEST_CASE("room that is there is refused: sixteen pinned objects of 1000 bytes that no client holds") {
  Daemon daemon({"--capacity=64MiB"});
  Client& client = *daemon.watcher();
  const std::vector<std::byte> filler(kRefusedMemory / 16 - 2000);
  std::vector<ObjectId> pinned;
  Bytes bytes(1000);
  for (std::size_t n = 0; n < 16; ++n) {
    REQUIRE(client.put(ObjectId::random(), filler));
    pinned.push_back(id_of_put(0, n));
    fill_payload(bytes, pinned.back(), n);
    CreateOptions options;
    options.pinned = true;
    REQUIRE(client.put(pinned.back(), bytes, options));
  }
  CHECK(daemon.stats().obstacles.count == 0);
  for (std::size_t n = 0; n < 4; ++n) {
    const auto made = client.put(ObjectId::random(), std::vector<std::byte>(kFifth));
    INFO((made ? "" : made.error().message));
    REQUIRE(made);
  }
  for (std::size_t n = 0; n < 16; ++n) {
    fill_payload(bytes, pinned[n], n);
    REQUIRE(same(client.get_raw(pinned[n]).value().data(), bytes));
  }
}

TEST_CASE("what stands in the way of a create is told to the client, by stats, and with its cause") {
  Daemon daemon({"--capacity=64MiB"});
  const auto holder = daemon.connect({.name = "a holder"});
  Client& client = *daemon.watcher();
  const std::vector<std::byte> filler(kRefusedMemory / 2);
  REQUIRE(client.put(id_of_put(0, 0), filler));
  REQUIRE(holder->put(id_of_put(0, 1), Bytes(1000)));
  const Object held = holder->get_raw(id_of_put(0, 1)).value();
  const auto refused = client.create(id_of_put(0, 2), kRefusedMemory - 4096);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK(refused.error().cause == RefusalCause::room);
  CHECK_THAT(refused.error().message, Catch::Contains("1 KiB in use by clients cuts the arena"));
  const StoreStats stats = daemon.stats();
  CHECK(stats.obstacles.held_bytes == 1024);
  CHECK(stats.obstacles.count == 1);
  CHECK(stats.obstacles.largest_run == kRefusedMemory / 2);
  REQUIRE(stats.last_refusal);
  CHECK(stats.last_refusal->cause == RefusalCause::room);
  CHECK(stats.last_refusal->obstacles == stats.obstacles);
}
