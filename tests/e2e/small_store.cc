#include "tests/e2e/small_store.h"

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/e2e/recount.h"

namespace dolium::e2e::small_store {

using namespace dolium::test;

namespace {
constexpr std::size_t kSlots = 200;
constexpr std::uint64_t kSmallStoreBytes = 2 * kMiB;
constexpr std::uint64_t kPinnedQuota = kMiB / 2;
}  // namespace

std::vector<std::string> flags() {
  return {"--capacity=" + std::to_string(kSmallStoreBytes), "--max-objects=" + std::to_string(kSlots),
          "--max-pinned-bytes-per-user=" + std::to_string(kPinnedQuota),
          "--quarantine-seconds=0"};  // many die here, and the store is filled to the brim between
}

void check_books(const Daemon& daemon, const Census& empty) {
  REQUIRE(eventually([&] { return daemon.stats().client_count == empty.clients; }));
  const Census counted = recount(daemon, empty);
  REQUIRE(daemon.settled(counted) == counted);
}

void fill_to_the_brim(const Daemon& daemon, const Census& empty) {
  Client& client = *daemon.watcher();
  REQUIRE(client.clear());
  REQUIRE(daemon.settled(empty) == empty);
  REQUIRE(eventually([&] { return daemon.stats().quarantined_count == 0; }));
  const std::uint64_t evicted = daemon.stats().eviction_count;
  put_numbered(client, 0, kSlots, 0);
  REQUIRE(daemon.stats().total_objects == kSlots);
  REQUIRE(daemon.stats().eviction_count == evicted);
  REQUIRE(client.clear());
  put_numbered(client, 0, 1, kPinnedQuota, {.pinned = true});
  REQUIRE(outcome(client.put(id_of(1), pattern(1), {.pinned = true})) == "out_of_memory");
  REQUIRE(client.clear());
  put_numbered(client, 0, 1, kSmallStoreBytes);
  REQUIRE(client.clear());
  REQUIRE(daemon.settled(empty) == empty);
}

}  // namespace dolium::e2e::small_store
