// Calls that need a disk that hangs, or is full: each ends by its own deadline, with the right error.

#include <catch2/catch.hpp>
#include <future>

#include "tests/e2e/spilling_daemon.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t kLarge = 1'000'000;

/// 16 MiB of memory. Objects "disk 0" to "disk 9" are on disk, the memory is full of dirty ones.
struct FullDaemon {
  FullDaemon() : client(daemon->connect()) {
    for (int number = 0; number < 10; ++number) REQUIRE(client->put(on_disk(number), pattern(kLarge)));
    REQUIRE(client->evict(16 * kMiB).value() >= 10 * kLarge);
    REQUIRE(daemon->stats().spilled_count == 10);
    daemon.hang_disk();
    fill(0, kLarge);
    fill(100, 20'000);
  }
  void fill(std::uint64_t first, std::uint64_t size) {
    for (std::uint64_t number = first; client->put(id_of(number), pattern(size), {.timeout = milliseconds(1)});
         ++number)
      REQUIRE(number < first + 100);
  }
  static ObjectId on_disk(int number) { return id_of("disk " + std::to_string(number)); }

  SpillingDaemon daemon{{"--capacity=16MiB", "--spill-drain=0"}};
  std::shared_ptr<Client> client;
};

}  // namespace

TEST_CASE("while the disk hangs, calls with a timeout end by it, and resident objects are got") {
  FullDaemon full;
  Client& client = *full.client;
  const std::vector<ObjectId> two{FullDaemon::on_disk(0), FullDaemon::on_disk(1)};
  const milliseconds shortly(300);
  CHECK(outcome(client.create(id_of("x"), kLarge, {.timeout = shortly})) == "timed_out");
  CHECK(outcome(client.put(id_of("x"), pattern(kLarge), {.timeout = shortly})) == "timed_out");
  CHECK(outcome(client.put(id_of("x"), pattern(8 * kMiB), {.timeout = shortly})) == "timed_out");
  CHECK(outcome(client.get_raw(two.front(), shortly)) == "tier_unavailable");
  CHECK(outcome(client.get_many(two, shortly)) == "tier_unavailable");
  CHECK(outcome(client.take_raw(two.front(), shortly)) == "tier_unavailable");
  CHECK(outcome(client.get_raw(id_of(std::uint64_t{0}))) == "ok");
  CHECK_FALSE(client.try_get(two.front()).has_value());
  CHECK(client.exists(two.front()).value());
  CHECK_THAT(full.daemon->log(), !Catch::Contains("stalled"));  // all of this took less than 30 s
}

TEST_CASE("while the disk hangs, calls without a timeout end when it is known, and at once from then on") {
  FullDaemon full;
  const auto all_outcomes = [&] {
    std::vector<std::future<std::string>> calls;
    const auto call = [&](auto what) {
      calls.push_back(std::async(std::launch::async, [&full, what] { return what(*full.client); }));
    };
    call([](Client& client) { return outcome(client.get_raw(FullDaemon::on_disk(0))); });
    call([](Client& client) {
      return outcome(client.get_many(std::vector<ObjectId>{FullDaemon::on_disk(1), FullDaemon::on_disk(2)}));
    });
    call([](Client& client) { return outcome(client.take_raw(FullDaemon::on_disk(3))); });
    call([](Client& client) { return outcome(client.pin(FullDaemon::on_disk(4))); });
    call([](Client& client) { return outcome(client.extend_grace(FullDaemon::on_disk(5), milliseconds(1000))); });
    call([](Client& client) { return outcome(client.create(id_of("x"), 8 * kMiB)); });
    call([](Client& client) { return outcome(client.put(id_of("y"), pattern(kLarge))); });
    call([](Client& client) { return outcome(client.put(id_of("z"), pattern(20'000))); });
    call([](Client& client) { return std::to_string(client.evict(16 * kMiB).value()); });
    std::vector<std::string> outcomes;
    for (auto& each : calls) outcomes.push_back(each.get());
    return outcomes;
  };
  const std::vector<std::string> expected = {"tier_unavailable", "tier_unavailable", "tier_unavailable",
                                             "tier_unavailable", "tier_unavailable", "out_of_memory",
                                             "out_of_memory",    "out_of_memory",    "0"};
  CHECK(all_outcomes() == expected);  // 30 s
  CHECK(full.daemon.says("the spill tier is stalled"));
  const auto before = std::chrono::steady_clock::now();
  CHECK(all_outcomes() == expected);
  // Bounds a wait that must not be: another 30 s.
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(25));
  const auto refused = full.client->put(id_of("z"), pattern(20'000));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == RefusalCause::disk);
  CHECK_THAT(refused.error().message, Catch::Contains("the spill tier is stalled"));
  full.daemon.mend_disk();
  CHECK(outcome(full.client->get_raw(FullDaemon::on_disk(0), milliseconds(kPatience))) == "ok");
  CHECK(outcome(full.client->put(id_of("z"), pattern(20'000), {.timeout = milliseconds(kPatience)})) == "ok");
}

TEST_CASE("evict() writes dirty objects, and frees them") {
  SpillingDaemon daemon({"--spill-drain=0"});
  const std::shared_ptr<Client> client = daemon->connect();
  for (std::uint64_t number = 0; number < 20; ++number) REQUIRE(client->put(id_of(number), pattern(100'000)));
  CHECK(client->evict(500'000).value() >= 500'000);
  CHECK(daemon->stats().spilled_count >= 5);
  CHECK(daemon->stats().dirty_count >= 10);
  CHECK(client->evict(64 * kMiB).value() >= 1'000'000);
  CHECK(daemon->stats().spilled_count == 20);
  const auto object = client->get_raw(id_of(std::uint64_t{7}));
  REQUIRE(object);
  CHECK(same(object->data(), pattern(100'000)));
}

TEST_CASE("an idle daemon writes what is to be kept soon, and a kept object survives the daemon's death") {
  SpillingDaemon daemon({"--spill-write-after=0s", "--spill-drain=0"});
  REQUIRE(daemon->watcher()->put(id_of("kept"), pattern(1000)));
  CHECK(eventually([&] { return daemon->stats().clean_count == 1; }));
  daemon.tier().kill();
  daemon->start_again();
  const auto object = daemon->watcher()->get_raw(id_of("kept"));
  REQUIRE(object);
  CHECK(same(object->data(), pattern(1000)));
}
