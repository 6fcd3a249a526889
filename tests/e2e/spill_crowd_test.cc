// Many objects, and many clients, at a store with a spill tier and little memory.

#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "tests/client/store_under_test.h"
#include "tests/e2e/spill_daemon.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::uint64_t kCrowdMemory = 16 * kMiB;
constexpr std::uint64_t kCrowdSize = 100'000;
constexpr std::uint64_t kCrowdObjects = 5 * kCrowdMemory / kCrowdSize;  // five times the memory

std::vector<PutItem> crowd_items(const std::vector<std::vector<std::byte>>& bytes, std::uint64_t first) {
  std::vector<PutItem> all;
  for (std::uint64_t i = 0; i < bytes.size(); ++i) all.push_back({id_of(first + i), bytes[i], {}});
  return all;
}

/// Half of the clients get with a loop of their own, the others block.
Result<std::vector<std::optional<Object>>> get_many_either_way(Client& client, const std::vector<ObjectId>& ids,
                                                               bool with_loop) {
  if (!with_loop) return client.get_many(ids, std::chrono::minutes(2));
  std::optional<Result<std::vector<std::optional<Object>>>> got;
  client.get_many_async(ids, ids.size(), std::chrono::minutes(2), [&](auto result) { got.emplace(std::move(result)); });
  if (!run_until(client, [&] { return got.has_value(); })) return Error{Errc::timed_out, "no callback came"};
  return *std::move(got);
}

}  // namespace

TEST_CASE("put_many() of more than the memory waits for the disk") {
  SpillDaemon daemon({"--capacity=16MiB", "--spill-retention=keep"});
  const std::shared_ptr<Client> client = daemon->connect();
  std::vector<std::vector<std::byte>> bytes;
  for (std::uint32_t i = 0; i < 2000; ++i) bytes.push_back(pattern(20'000, i));
  for (const Result<void>& put : client->put_many(crowd_items(bytes, 0)).value()) REQUIRE(outcome(put) == "ok");
  CHECK(daemon->stats().total_objects == 2000);
  for (const std::uint32_t i : {0U, 700U, 1999U}) {
    const auto object = client->get_raw(id_of(std::uint64_t{i}));
    REQUIRE(object);
    CHECK(same(object->data(), bytes[i]));
  }
}

TEST_CASE("deferred puts of more than the memory wait for the disk, and none fails") {
  SpillDaemon daemon({"--capacity=16MiB", "--max-objects=200000", "--spill-retention=keep"});
  const std::shared_ptr<Client> client = daemon->connect();
  const std::uint64_t size = GENERATE(300, 20'000, 60'000);
  const std::uint64_t count = 3 * kCrowdMemory / size;
  for (std::uint64_t i = 0; i < count && i < 60'000; ++i)
    REQUIRE(outcome(client->put_deferred(id_of(i), pattern(size, static_cast<std::uint32_t>(i)))) == "ok");
  const auto last = client->get_raw(id_of(std::min<std::uint64_t>(count, 60'000) - 1));  // carried out before this
  CHECK(outcome(last) == "ok");
  CHECK(client->flush().value().empty());
  const auto first = client->get_raw(id_of(std::uint64_t{0}));
  REQUIRE(first);
  CHECK(same(first->data(), pattern(size, 0)));
}

TEST_CASE("deferred puts that the disk cannot help are refused, and others are served meanwhile") {
  SpillDaemon daemon({"--capacity=16MiB", "--max-objects=200000", "--spill-retention=keep"});
  const std::shared_ptr<Client> client = daemon->connect();
  // As many small objects as fit, all held: neither evicted nor spilled.
  std::vector<Object> held;
  const std::vector<std::byte> small = pattern(400);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const auto put = client->put_and_hold(id_of(i), small, {.retention = Retention::cache});
    if (!put) break;
    held.push_back(*put);
  }
  REQUIRE(held.size() > 30'000);
  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> served = 0;
  std::thread bystander([&, other = daemon->connect()] {
    while (!over && other->stats() && other->get_raw(id_of(std::uint64_t{5}))) ++served;
  });
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    REQUIRE(outcome(client->put_deferred(id_of(1'000'000 + i), small, {.retention = Retention::cache})) == "ok");
    if (i % 4000 == 3999) refused += client->flush().value().size();
  }
  over = true;
  bystander.join();
  CHECK(refused == 20'000);
  CHECK(served > 0);
}

TEST_CASE("24 clients that each get nearly half of the memory at once, of five times the memory, all succeed") {
  SpillDaemon daemon({"--capacity=16MiB", "--spill-retention=keep"});
  const std::shared_ptr<Client> writer = daemon->connect();
  for (std::uint64_t i = 0; i < kCrowdObjects; ++i)
    REQUIRE(outcome(writer->put(id_of(i), pattern(kCrowdSize, static_cast<std::uint32_t>(i)))) == "ok");
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::vector<std::string> outcomes(24);
  std::vector<std::thread> readers;
  for (std::uint32_t reader = 0; reader < outcomes.size(); ++reader)
    readers.emplace_back([&, reader, client = daemon->connect()] {  // outside the thread: it has assertions
      std::mt19937 random(seed + reader);
      std::vector<ObjectId> ids;
      std::vector<std::uint64_t> numbers;
      for (std::uint64_t k = 0; k < kCrowdMemory / kCrowdSize / 2 - 2; ++k) {
        numbers.push_back(random() % kCrowdObjects);
        ids.push_back(id_of(numbers.back()));
      }
      const auto got = get_many_either_way(*client, ids, reader % 2 == 0);
      outcomes[reader] = outcome(got);
      if (!got) return;
      for (std::size_t k = 0; k < ids.size(); ++k)
        if (!(*got)[k] || !same((*got)[k]->data(), pattern(kCrowdSize, static_cast<std::uint32_t>(numbers[k]))))
          outcomes[reader] = "an object is missing, or has other bytes";
    });
  for (std::thread& each : readers) each.join();
  CHECK(outcomes == std::vector<std::string>(24, "ok"));
}
