// The reserve that dirty objects may not fill, so that spilled ones can be read back whatever the disk does.

#include <catch2/catch.hpp>

#include "shm/store/create_waits.h"
#include "tests/shm/spill_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

Result<Placement> create_kept(SpillFixture& fixture, std::uint64_t number, std::uint64_t size) {
  return fixture.store.create_object(
      fixture.writer, {.id = id_of(number), .data_size = size, .retention = Retention::keep}, fixture.now);
}

}  // namespace

TEST_CASE("dirty objects and those being written leave an eighth of the memory alone") {
  SpillFixture fixture;  // 64 KiB
  CHECK(fixture.store.spill().dirty_limit() == 56 * kKiB);
  fixture.keep(1, 30 * kKiB);
  REQUIRE(create_kept(fixture, 2, 20 * kKiB));
  const auto refused = create_kept(fixture, 3, 7 * kKiB);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::out_of_memory);
  CHECK(refused.error().cause == RefusalCause::disk);
  CHECK_THAT(refused.error().message, Catch::Contains("30 KiB are not on disk yet, and 20 KiB are being written") &&
                                          Catch::Contains("56 KiB of 64 KiB") && Catch::Contains("give a timeout"));
  fixture.store.spill().tell_disk("full: no space");
  CHECK_THAT(create_kept(fixture, 3, 7 * kKiB).error().message,
             Catch::Contains("the spill tier is full: no space; or remove objects"));
  CHECK(create_kept(fixture, 4, 6 * kKiB));
  CHECK(fixture.create(5, 8 * kKiB));  // of retention `cache`
}

TEST_CASE("an object that is larger than the limit is kept if nothing else is dirty, and the disk works") {
  SpillFixture fixture;
  fixture.store.spill().tell_disk("failed");
  CHECK(outcome(create_kept(fixture, 1, 60 * kKiB)) == "out_of_memory");
  fixture.store.spill().tell_disk("");
  CHECK(create_kept(fixture, 1, 60 * kKiB));
  CHECK(outcome(create_kept(fixture, 2, kKiB)) == "out_of_memory");
}

TEST_CASE("the reserve has room for the largest object that was on disk alone, up to half of the memory") {
  SpillFixture fixture;
  fixture.spill(1, 12 * kKiB);
  CHECK(fixture.store.spill().dirty_limit() == 52 * kKiB);
  fixture.spill(2, 40 * kKiB);
  CHECK(fixture.store.spill().dirty_limit() == 32 * kKiB);
  REQUIRE(fixture.store.remove(id_of(2), fixture.now));
  fixture.keep(3, 32 * kKiB);
  CHECK(outcome(create_kept(fixture, 4, kKiB)) == "out_of_memory");
  for (int round = 0; round < 3; ++round) {
    fixture.read_back(1);
    REQUIRE(fixture.store.sealed().evict_unused({fixture.store.rows().find(id_of(1))}));
  }
  fixture.store.check_invariants();
}

TEST_CASE("a put into a lease counts against the limit of dirty objects") {
  SpillFixture fixture({.capacity = 1024 * kKiB, .max_objects = 32, .spill = true});
  Store& store = fixture.store;
  const Placement lease = store.leases().lease(fixture.writer, id_of(90), 64 * kKiB, fixture.now).value();
  fixture.keep(1, 890 * kKiB);
  const auto put = [&](std::uint64_t number, std::uint64_t size, Retention retention) {
    return store.leases().put(fixture.writer, lease.slot,
                              {.id = id_of(number), .data_size = size, .retention = retention}, fixture.now);
  };
  CHECK(put(2, 4 * kKiB, Retention::keep));
  const auto refused = put(3, 4 * kKiB, Retention::keep);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == RefusalCause::disk);
  CHECK(put(4, 4 * kKiB, Retention::cache));
  store.check_invariants();
}

TEST_CASE("a create that may not be dirty yet does not keep others from their room") {
  SpillFixture fixture;
  fixture.keep(1, 52 * kKiB);
  CreateWaits waits(fixture.store);
  std::string kept;
  std::string cached;
  waits.add({fixture.writer, 1}, {.id = id_of(2), .data_size = 8 * kKiB, .retention = Retention::keep}, kNever,
            fixture.now, [&](const Result<Placement>& placed) { kept = outcome(placed); });
  CHECK(kept.empty());
  waits.add({fixture.writer, 2}, {.id = id_of(3), .data_size = 12 * kKiB}, kNever, fixture.now,
            [&](const Result<Placement>& placed) { cached = outcome(placed); });
  CHECK(cached == "ok");
  REQUIRE(fixture.write(1, 5));
  waits.serve(fixture.now);
  CHECK(kept == "ok");
}
