#include "daemon/spill/engine.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "tests/spill/tier_fixture.h"

namespace {

using namespace dolium::test;
using dolium::spill::Condition;
using dolium::spill::Sequence;

constexpr std::size_t kLarge = 50000;  // has a file of its own

}  // namespace

TEST_CASE("small and large objects are read back byte for byte, before and after a restart") {
  Tier tier;
  const std::vector<std::size_t> sizes = {0, 1, 63, 64, 65, 4095, 4096, 4097, 19999, 20000, kLarge};
  std::vector<Sequence> locations;
  for (std::size_t i = 0; i < sizes.size(); ++i) locations.push_back(tier.put(i, 100 + i, sizes[i]));
  for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(tier.has(i, 100 + i, sizes[i], locations[i]));
  tier.crash();
  REQUIRE(tier.recovered.objects.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(tier.has(i, 100 + i, sizes[i], locations[i]));
  for (const auto& each : tier.recovered.objects) {
    const auto expected = make_object(each.head.stamp - 100, each.head.stamp, sizes[each.head.stamp - 100]).head;
    CHECK(each.head.type_tag == expected.type_tag);
    CHECK(each.head.time_to_live_ms == expected.time_to_live_ms);
    CHECK(each.head.uid == expected.uid);
    CHECK(each.head.label_size == expected.label_size);
    CHECK(each.head.incarnation == dolium::spill::Incarnation{1, 2});
  }
}

TEST_CASE("small objects that wait together are fused into one write") {
  Tier tier;
  std::vector<TestObject> objects;
  for (std::uint64_t i = 0; i < 20; ++i) objects.push_back(make_object(i, i, 100));
  int told = 0;
  const std::uint64_t before = tier.files->writes();
  for (const TestObject& each : objects)
    tier.engine->write(each.head, each.bytes, [&](int error, Sequence) { told += error == 0 ? 1 : 0; });
  while (told < 20) tier.step();
  CHECK(tier.files->writes() == before + 1);
}

TEST_CASE("small objects that come while a chunk is written share the next one, and its sync") {
  Tier tier;
  std::vector<TestObject> objects;
  for (std::uint64_t i = 0; i < 200; ++i) objects.push_back(make_object(i, i, 100));
  int told = 0;
  const std::uint64_t before = tier.files->writes();
  for (const TestObject& each : objects) {
    tier.engine->write(each.head, each.bytes, [&](int error, Sequence) { told += error == 0 ? 1 : 0; });
    tier.engine->step(tier.now, false);
  }
  while (told < 200) tier.step();
  CHECK(tier.files->writes() - before <= 60);  // one for each would be 200
}

TEST_CASE("large chunks are written beside each other") {
  Tier tier;
  const std::size_t size = tier.options.geometry.chunk_bytes / 2 + 1;
  std::vector<TestObject> objects;
  for (std::uint64_t i = 0; i < 3; ++i) objects.push_back(make_object(i, i, size));
  int told = 0;
  for (const TestObject& each : objects)
    tier.engine->write(each.head, each.bytes, [&](int error, Sequence) { told += error == 0 ? 1 : 0; });
  tier.step();
  CHECK(tier.files->under_way() >= 2);
  tier.settle();
  CHECK(told == 3);
}

TEST_CASE("objects are told clean in the order in which they were written") {
  Tier tier;
  std::vector<TestObject> objects;
  for (std::uint64_t i = 0; i < 60; ++i) objects.push_back(make_object(i, i, 3000));
  std::vector<std::uint64_t> order;
  for (const TestObject& each : objects)
    tier.engine->write(each.head, each.bytes, [&, stamp = each.head.stamp](int, Sequence) { order.push_back(stamp); });
  tier.settle();
  REQUIRE(order.size() == 60);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a dropped object does not come back, and its location is not known any more") {
  Tier tier;
  const Sequence small = tier.put(1, 1, 100);
  const Sequence large = tier.put(2, 2, kLarge);
  const Sequence kept = tier.put(3, 3, 100);
  tier.drop(small);
  tier.drop(large);
  std::vector<std::byte> bytes(100);
  CHECK(tier.read(small, bytes) == ENOENT);
  tier.crash();
  REQUIRE(tier.recovered.objects.size() == 1);
  CHECK(tier.recovered.objects.front().head.sequence == kept);
}

TEST_CASE("an id that was removed and made again shows its new bytes after a crash") {
  Tier tier;
  tier.drop(tier.put(1, 1, 100));
  const Sequence again = tier.put(1, 2, 200);
  tier.crash();
  REQUIRE(tier.recovered.objects.size() == 1);
  CHECK(tier.has(1, 2, 200, again));
  tier.drop(again);
  tier.settle();
  tier.crash();
  CHECK(tier.recovered.objects.empty());
}

TEST_CASE("clear drops what was sealed up to a time, and what other stores have written") {
  Tier tier;
  tier.put(1, 1, 100);
  REQUIRE(tier.engine->adopt({3, 4}));
  tier.put(2, 10, 100);
  const Sequence later = tier.put(3, 11, 100);
  bool cleared = false;
  tier.engine->clear(10, [&] { cleared = true; });
  while (!cleared) tier.step();
  CHECK(tier.engine->report().records == 1);
  tier.crash();
  REQUIRE(tier.recovered.objects.size() == 1);
  CHECK(tier.recovered.objects.front().head.sequence == later);
}

TEST_CASE("an object that is cleared while its answer waits for a tombstone is told cancelled, not clean") {
  Tier tier;
  const Sequence dropped = tier.put(1, 1, 100);
  tier.put(3, 3, 16300);  // so much that the segment is not compacted
  tier.put(4, 4, 16300);
  tier.settle();
  tier.files->faults.read_only = true;
  tier.engine->drop(dropped);
  for (int steps = 0; steps < 10; ++steps) tier.step();
  REQUIRE(tier.engine->condition() == Condition::read_only);
  tier.files->faults.read_only = false;
  tier.files->faults.write_error_in = 2;  // the object is written, and the tombstone fails again
  tier.now += 2'000'000'000;
  const TestObject object = make_object(2, 2, 100);
  int told = -1;
  tier.engine->write(object.head, object.bytes, [&](int error, Sequence) { told = error; });
  for (int steps = 0; tier.engine->report().records == 2 && steps < 100; ++steps) tier.step();
  REQUIRE(tier.engine->report().records == 3);
  REQUIRE(told == -1);
  tier.engine->clear(10);
  tier.settle();
  CHECK(told == ECANCELED);
  tier.crash();
  CHECK(tier.recovered.objects.empty());
}

TEST_CASE("a clear up to an earlier time does not undo a later one") {
  Tier tier;
  tier.put(1, 8, 100);
  const Sequence later = tier.put(2, 11, 100);
  int cleared = 0;
  tier.engine->clear(10, [&] { ++cleared; });
  tier.engine->clear(5, [&] { ++cleared; });
  tier.settle();
  REQUIRE(cleared == 2);
  tier.crash();
  REQUIRE(tier.recovered.objects.size() == 1);
  CHECK(tier.recovered.objects.front().head.sequence == later);
}

TEST_CASE("a record with a changed byte is damaged, and the others are not") {
  Tier tier;
  const Sequence bad = tier.put(1, 1, 5000);
  const Sequence good = tier.put(2, 2, 5000);
  const auto* entry = tier.engine->find(bad);
  tier.files->corrupt(dolium::spill::segment_name(entry->file), entry->offset() + 4999);
  std::vector<std::byte> bytes(5000);
  CHECK(tier.read(bad, bytes) == EBADMSG);
  CHECK(tier.has(2, 2, 5000, good));
  tier.engine->verify();
  while (tier.engine->is_verifying()) tier.step();
  const auto verified = tier.engine->take_verified(10);
  CHECK(verified.finished);
  CHECK(verified.records == 2);
  REQUIRE(verified.damaged.size() == 1);
  CHECK(verified.damaged.front() == id_of(make_object(1, 1, 1).head));
}

TEST_CASE("a block that cannot be read keeps its objects until it can") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  const std::string name = dolium::spill::segment_name(tier.engine->find(location)->file);
  tier.files->spoil(name, 0, 1 << 20);
  std::vector<std::byte> bytes(5000);
  CHECK(tier.read(location, bytes) == EIO);
  tier.files->heal(name);
  CHECK(tier.has(1, 1, 5000, location));
}

TEST_CASE("a failed sync fails what it covers, poisons the segment, and keeps what was clean") {
  Tier tier;
  const Sequence before = tier.put(1, 1, 100);
  tier.files->faults.sync_error_in = 1;
  CHECK(tier.write(make_object(2, 2, 100)).first == EIO);
  tier.files->faults = {};
  CHECK(tier.engine->condition() == Condition::failing);
  tier.now += 2'000'000'000;
  tier.settle();
  const Sequence after = tier.put(3, 3, 100);
  CHECK(tier.has(1, 1, 100, before));
  tier.crash();
  CHECK(tier.recovered.objects.size() == 2);
  CHECK(tier.has(1, 1, 100, before));
  CHECK(tier.has(3, 3, 100, after));
}

TEST_CASE("an object whose sync has failed, and that a killed process left behind, is safe before it is found") {
  const std::size_t size = GENERATE(100, 50000);
  Tier tier;
  tier.files->faults.sync_error_in = size < 20000 ? 1 : 2;  // of a large object: that of its head
  tier.files->faults.unlink_error_in = 1;
  const TestObject object = make_object(1, 1, size);
  tier.engine->write(object.head, object.bytes, {[](int, Sequence) {}});
  for (int steps = 0; tier.engine->condition() != Condition::failing && steps < 100; ++steps) tier.step();
  REQUIRE(tier.engine->condition() == Condition::failing);
  tier.files->faults.read_only = true;  // no tombstone gets to the disk
  tier.files->kill();
  tier.files->faults = {};
  tier.open();
  REQUIRE(tier.recovered.objects.size() == 1);
  const Sequence location = tier.recovered.objects.front().head.sequence;
  tier.crash();
  CHECK(tier.has(1, 1, size, location));
}

TEST_CASE("a full tier refuses objects, still drops and compacts, and takes objects again") {
  Tier tier(5 * 64 * 1024);
  std::vector<Sequence> locations;
  int error = 0;
  for (std::uint64_t i = 0; i < 100 && error == 0; ++i) {
    const auto told = tier.write(make_object(i, i, 10000));
    error = told.first;
    if (error == 0) locations.push_back(told.second);
  }
  CHECK(error == ENOSPC);
  CHECK(tier.engine->condition() == Condition::full);
  CHECK(tier.engine->report().used_bytes <= 5 * 64 * 1024);
  REQUIRE(locations.size() >= 8);
  for (std::size_t i = 0; i < locations.size(); i += 2) tier.drop(locations[i]);
  tier.settle();
  tier.settle();
  CHECK(tier.engine->condition() == Condition::ready);
  for (std::size_t i = 1; i < locations.size(); i += 2) CHECK(tier.has(i, i, 10000, locations[i]));
  CHECK(tier.write(make_object(1000, 1000, 10000)).first == 0);
}

TEST_CASE("a full disk is the same as a full quota, and is noticed when it has room again") {
  Tier tier;
  tier.files->set_disk_bytes(3 * 64 * 1024);
  int error = 0;
  for (std::uint64_t i = 0; i < 100 && error == 0; ++i) error = tier.write(make_object(i, i, 10000)).first;
  CHECK(error == ENOSPC);
  tier.files->set_disk_bytes(UINT64_MAX);
  tier.now += 2'000'000'000;
  tier.settle();
  CHECK(tier.engine->condition() == Condition::ready);
  CHECK(tier.write(make_object(500, 500, 10000)).first == 0);
}

TEST_CASE("a file system that becomes read-only refuses objects and reads them back") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  tier.files->faults.read_only = true;
  CHECK(tier.write(make_object(2, 2, 100)).first == EROFS);
  CHECK(tier.engine->condition() == Condition::read_only);
  CHECK(tier.has(1, 1, 5000, location));
  tier.open();
  CHECK(tier.engine->condition() == Condition::read_only);
  CHECK(tier.has(1, 1, 5000, location));
}

TEST_CASE("compaction keeps the objects that live, their locations, and the tombstones that are needed") {
  Tier tier;
  std::vector<Sequence> locations;
  for (std::uint64_t i = 0; i < 40; ++i) locations.push_back(tier.put(i, i, 5000));
  const std::size_t segments = tier.segments();
  for (std::size_t i = 0; i < 40; ++i)
    if (i % 5 != 0) tier.drop(locations[i]);
  tier.engine->compact();
  tier.settle();
  CHECK(tier.engine->is_compacted());
  CHECK(tier.segments() < segments);
  CHECK(tier.engine->report().compacted_bytes > 0);
  for (std::size_t i = 0; i < 40; i += 5) CHECK(tier.has(i, i, 5000, locations[i]));
  tier.crash();
  CHECK(tier.recovered.objects.size() == 8);
  for (std::size_t i = 0; i < 40; i += 5) CHECK(tier.has(i, i, 5000, locations[i]));
}

TEST_CASE("an object that is dropped after it was moved does not come back from the segment it was moved from") {
  Tier tier;
  std::vector<Sequence> locations;
  for (std::uint64_t i = 0; i < 12; ++i) locations.push_back(tier.put(i, i, 12000));
  const auto victim = tier.engine->find(locations[0])->file;
  const auto has_moved = [&](Sequence each) { return tier.engine->find(each)->file != victim; };
  REQUIRE_FALSE(has_moved(locations[2]));  // a segment has three of them
  tier.files->faults.write_error_in = 3;   // of the last copy: the segment stays
  tier.engine->compact();
  const auto end = locations.begin() + 3;
  auto moved = end;
  for (int steps = 0; moved == end && steps < 100; ++steps) {
    tier.step();
    moved = std::find_if(locations.begin(), end, has_moved);
  }
  REQUIRE(moved != end);
  const Sequence dropped = *moved;
  tier.drop(dropped);
  REQUIRE(std::ranges::count(tier.files->names(), dolium::spill::segment_name(victim)) == 1);
  tier.crash();
  CHECK(tier.recovered.objects.size() == locations.size() - 1);
  CHECK(tier.engine->find(dropped) == nullptr);
}

TEST_CASE("an orderly end leaves footers, gives unused blocks back, and needs no scan") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  tier.engine->finish();
  tier.settle();
  const std::string name = dolium::spill::segment_name(tier.engine->find(location)->file);
  CHECK(tier.files->content(name).size() == 4096 + 8192 + 2 * 4096);
  tier.open();
  CHECK(tier.recovered.scanned.empty());
  CHECK(tier.has(1, 1, 5000, location));
}
