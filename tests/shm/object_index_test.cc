#include "shm/table/object_index.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "shm/table/index_reader.h"
#include "tests/environment.h"
#include "tests/shm/index_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint32_t kIndexSlots = 256;

struct ObjectIndexFixture : IndexFixture {
  ObjectIndexFixture() : IndexFixture(kIndexSlots) {}
};

std::uint32_t bucket_count() {
  return IndexGeometry::for_slots(kIndexSlots).bucket_count;
}

}  // namespace

TEST_CASE("the index's geometry leaves room for every bucket and slot, for any slot count") {
  for (const std::uint32_t slots : {1U, 16U, 33U, 1000U, 1U << 20, 1U << 30}) {
    CAPTURE(slots);
    const IndexGeometry geometry = IndexGeometry::for_slots(slots);
    CHECK(geometry.slots_at >= kPageBytes + std::uint64_t{geometry.bucket_count} * sizeof(Bucket));
    CHECK(geometry.total_bytes >= geometry.slots_at + std::uint64_t{slots} * sizeof(Slot));
    CHECK((geometry.bucket_count & (geometry.bucket_count - 1)) == 0);
    CHECK(geometry.slots_at % alignof(Slot) == 0);
  }
}

TEST_CASE("a taken slot is invisible until it is published") {
  ObjectIndexFixture fixture;
  const SlotIndex slot = fixture.index.take().value();
  CHECK_FALSE(fixture.index.is_live(slot));
  fixture.index.write(slot, {id_of(1), 64, 100, 7, 9});
  CHECK(fixture.index.find(id_of(1)) == kNoSlot);
  CHECK(fixture.reader.find(id_of(1)).verdict == IndexReader::Verdict::absent);
  fixture.index.publish(slot, id_of(1));
  CHECK(fixture.index.find(id_of(1)) == slot);
  CHECK(fixture.index.is_live(slot));
  const SlotFields fields = fixture.index.read(slot);
  CHECK(fields.id == id_of(1));
  CHECK(fields.offset == 64);
  CHECK(fields.data_size == 100);
  CHECK(fields.metadata_size == 7);
  CHECK(fields.type_tag == 9);
  fixture.index.check_invariants();
}

TEST_CASE("slots are taken last freed first, and run out") {
  ObjectIndexFixture fixture;
  std::set<SlotIndex> taken;
  for (std::uint32_t n = 0; n < kIndexSlots; ++n) taken.insert(fixture.index.take().value());
  CHECK(taken.size() == kIndexSlots);
  CHECK(*taken.rbegin() == kIndexSlots - 1);
  CHECK(fixture.index.take().value() == kNoSlot);
  CHECK(fixture.index.slots_touched() == kIndexSlots);
  fixture.index.release(17);
  fixture.index.release(4);
  CHECK(fixture.index.take().value() == 4);
  CHECK(fixture.index.take().value() == 17);
  CHECK(fixture.index.take().value() == kNoSlot);
}

TEST_CASE("a retired slot that is published again is the same object under a new seq") {
  ObjectIndexFixture fixture;
  const SlotIndex slot = fixture.put(id_of(1));
  const std::uint64_t seq = fixture.reader.find(id_of(1)).seq;
  fixture.index.begin_retire(slot);
  CHECK_FALSE(fixture.index.is_live(slot));
  CHECK(fixture.index.find(id_of(1)) == slot);  // the daemon still finds it
  fixture.index.cancel_retire(slot);
  const IndexReader::Lookup found = fixture.reader.find(id_of(1));
  CHECK(found.verdict == IndexReader::Verdict::found);
  CHECK(found.slot == slot);
  CHECK(found.seq == seq + 2);
  fixture.index.check_invariants();
}

TEST_CASE("unlinking leaves the rest of a chain reachable, wherever in it the slot was") {
  const std::vector<ObjectId> ids = colliding_ids(3, bucket_count());
  const std::size_t gone = GENERATE(0U, 1U, 2U);
  ObjectIndexFixture fixture;
  std::vector<SlotIndex> slots;
  for (const ObjectId& id : ids) slots.push_back(fixture.put(id));
  fixture.remove(slots[gone]);
  fixture.index.check_invariants();
  for (std::size_t n = 0; n < ids.size(); ++n) {
    CHECK(fixture.index.find(ids[n]) == (n == gone ? kNoSlot : slots[n]));
    CHECK(fixture.reader.find(ids[n]).verdict ==
          (n == gone ? IndexReader::Verdict::absent : IndexReader::Verdict::found));
  }
  CHECK(fixture.put(ids[gone], 64) == slots[gone]);
  CHECK(fixture.index.read(fixture.index.find(ids[gone])).offset == 64);
}

TEST_CASE("each change of a chain changes its bucket's version") {
  ObjectIndexFixture fixture;
  const std::vector<ObjectId> ids = colliding_ids(3, bucket_count());
  const auto* buckets = reinterpret_cast<const Bucket*>(fixture.mapping.data() + kPageBytes);
  const Bucket& bucket = buckets[bucket_of(ids[0], bucket_count())];
  std::set<std::uint32_t> versions = {unpack(bucket.load()).version};
  std::vector<SlotIndex> slots;
  for (const ObjectId& id : ids) {
    slots.push_back(fixture.put(id));
    versions.insert(unpack(bucket.load()).version);
  }
  for (const SlotIndex slot : {slots[1], slots[2], slots[0]}) {
    fixture.remove(slot);
    versions.insert(unpack(bucket.load()).version);
  }
  CHECK(versions.size() == 7);
  CHECK(unpack(bucket.load()).head == 0);
}

TEST_CASE("release_wanted reaches every reader") {
  ObjectIndexFixture fixture;
  CHECK_FALSE(fixture.reader.release_wanted());
  fixture.index.set_release_wanted(true);
  CHECK(fixture.reader.release_wanted());
  fixture.index.set_release_wanted(false);
  CHECK_FALSE(fixture.reader.release_wanted());
}

TEST_CASE("a random history of the index agrees with a map") {
  const std::uint64_t seed = dolium::test::number_from_environment("DOLIUM_SEED", 20230603);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  ObjectIndexFixture fixture;
  const IndexReader reader = fixture.reader;
  std::map<ObjectId, SlotIndex> oracle;
  for (int step = 0; step < 5000; ++step) {
    const ObjectId id = id_of(random() % 400);
    const auto known = oracle.find(id);
    if (known == oracle.end() && oracle.size() < kIndexSlots) {
      oracle[id] = fixture.put(id, random() % 1000 * 64);
    } else if (known != oracle.end() && random() % 4 == 0) {
      fixture.index.begin_retire(known->second);
      fixture.index.cancel_retire(known->second);
    } else if (known != oracle.end()) {
      fixture.remove(known->second);
      oracle.erase(known);
    }
    if (step % 16 == 0) fixture.index.check_invariants();
    const ObjectId asked = id_of(random() % 400);
    const auto expected = oracle.find(asked);
    const IndexReader::Lookup found = reader.find(asked);
    REQUIRE(found.verdict == (expected == oracle.end() ? IndexReader::Verdict::absent : IndexReader::Verdict::found));
    if (expected != oracle.end()) REQUIRE(found.slot == expected->second);
  }
  fixture.index.check_invariants();
}
