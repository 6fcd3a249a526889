#include "shm/table/index_reader.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "shm/table/object_index.h"
#include "tests/shm/index_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint32_t kReaderSlots = 512;

/// An index in memory that the test changes.
struct ReaderFixture : IndexFixture {
  explicit ReaderFixture(std::uint32_t slots = kReaderSlots) : IndexFixture(slots, Mapping::Mode::read_write) {}

  [[nodiscard]] IndexHeader& header() const { return *reinterpret_cast<IndexHeader*>(mapping.data()); }
  [[nodiscard]] Bucket& bucket(const ObjectId& id) const {
    return reinterpret_cast<Bucket*>(mapping.data() + kPageBytes)[bucket_of(id, header().bucket_count)];
  }
};

}  // namespace

TEST_CASE("memory that is no index, or is cut short, is refused") {
  const ReaderFixture fixture;
  const std::byte* base = fixture.mapping.data();
  CHECK(IndexReader::open(base, fixture.mapping.size()).has_value());
  CHECK_FALSE(IndexReader::open(base, kPageBytes - 1).has_value());
  CHECK_THAT(IndexReader::open(base, fixture.mapping.size() - kPageBytes).error().message,
             Catch::Contains("smaller than its header says"));
  SECTION("another magic") {
    fixture.header().magic ^= 1;
  }
  SECTION("another layout") {
    ++fixture.header().layout;
  }
  SECTION("more slots than there are") {
    fixture.header().slot_count *= 64;
  }
  SECTION("more buckets than the slots call for") {
    fixture.header().bucket_count *= 2;
  }
  const Result<IndexReader> refused = IndexReader::open(base, fixture.mapping.size());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::protocol_error);
}

TEST_CASE("what has no room for a header is no index, to its reader and to who would go on with it") {
  const Segment memory = Segment::create("short", kPageBytes / 2).value();
  const Mapping mapping = memory.map(Mapping::Mode::read_only).value();
  CHECK_THAT(IndexReader::open(mapping.data(), mapping.size()).error().message, Catch::Contains("not an index"));
  CHECK_THAT(ObjectIndex::adopt(memory.duplicate().value()).error().message,
             Catch::Contains("too small to have a header"));
}

TEST_CASE("an object that is being retired is undecided, never absent") {
  ReaderFixture fixture;
  const SlotIndex slot = fixture.put(id_of(1));
  fixture.index.begin_retire(slot);
  CHECK(fixture.reader.find(id_of(1)).verdict == IndexReader::Verdict::undecided);
  fixture.index.cancel_retire(slot);
  CHECK(fixture.reader.find(id_of(1)).verdict == IndexReader::Verdict::found);
  fixture.remove(slot);
  CHECK(fixture.reader.find(id_of(1)).verdict == IndexReader::Verdict::absent);
}

TEST_CASE("what a slot held before is absent") {
  ReaderFixture fixture;
  fixture.remove(fixture.put(id_of(1)));
  const SlotIndex slot = fixture.put(id_of(2));
  CHECK(fixture.reader.find(id_of(1)).verdict == IndexReader::Verdict::absent);
  CHECK(fixture.reader.find(id_of(2)).slot == slot);
}

TEST_CASE("behind the end of a bounded walk everything is undecided") {
  ReaderFixture fixture;
  constexpr std::size_t kSteps = IndexReader::kMaxSteps;
  const std::vector<ObjectId> ids = colliding_ids(kSteps + 3, fixture.header().bucket_count);
  for (std::size_t n = 0; n < kSteps + 2; ++n) fixture.put(ids[n]);
  CHECK(fixture.reader.find(ids[kSteps + 1]).verdict == IndexReader::Verdict::found);  // last in, first met
  CHECK(fixture.reader.find(ids[2]).verdict == IndexReader::Verdict::found);
  CHECK(fixture.reader.find(ids[1]).verdict == IndexReader::Verdict::undecided);
  CHECK(fixture.reader.find(ids[0]).verdict == IndexReader::Verdict::undecided);
  CHECK(fixture.reader.find(ids[kSteps + 2]).verdict == IndexReader::Verdict::undecided);
}

TEST_CASE("links that lead nowhere or in a ring end in undecided") {
  ReaderFixture fixture;
  const SlotIndex slot = fixture.put(id_of(1));
  Slot& row = const_cast<Slot&>(fixture.reader.slot(slot));
  const std::vector<ObjectId> ids = colliding_ids(2, fixture.header().bucket_count);
  SECTION("a head beyond the slots") {
    fixture.bucket(ids[1]).store(pack({kReaderSlots + 1, 0}));
  }
  SECTION("the largest head there is") {
    fixture.bucket(ids[1]).store(pack({UINT32_MAX, 0}));
  }
  SECTION("a row that follows itself") {
    fixture.bucket(ids[1]).store(pack({to_link(slot), 0}));
    row.next.store(to_link(slot));
  }
  SECTION("a row whose next is beyond the slots") {
    fixture.bucket(ids[1]).store(pack({to_link(slot), 0}));
    row.next.store(UINT32_MAX);
  }
  CHECK(fixture.reader.find(ids[1]).verdict == IndexReader::Verdict::undecided);
}

TEST_CASE("readers that race with the writer never miss what is always there") {
  // 16 buckets, so that the chains of the lasting objects change all the time.
  ReaderFixture fixture(32);
  constexpr std::uint64_t kLasting = 8;
  constexpr std::uint64_t kPassing = 20;
  for (std::uint64_t n = 0; n < kLasting; ++n) fixture.put(id_of(n));
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> missed{0}, wrong{0}, found{0};
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 2; ++thread) {
    readers.emplace_back([&, thread] {
      std::uint64_t n = static_cast<std::uint64_t>(thread);
      while (!stop.load(std::memory_order_relaxed)) {
        const ObjectId id = id_of(n++ % kLasting);
        const IndexReader::Lookup lookup = fixture.reader.find(id);
        if (lookup.verdict == IndexReader::Verdict::absent) ++missed;
        if (lookup.verdict != IndexReader::Verdict::found) continue;
        ++found;
        const ObjectId in_row = fixture.reader.slot(lookup.slot).id.load();
        if (fixture.reader.slot(lookup.slot).seq.load() == lookup.seq && in_row != id) ++wrong;
      }
    });
  }
  std::mt19937 random(7);
  std::vector<SlotIndex> slots(kPassing, kNoSlot);
  for (int change = 0; change < 200'000 || found.load() < 1000; ++change) {
    const std::size_t n = random() % kPassing;
    if (slots[n] == kNoSlot) {
      slots[n] = fixture.put(id_of(100 + n));
    } else {
      fixture.remove(slots[n]);
      slots[n] = kNoSlot;
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(missed == 0);
  CHECK(wrong == 0);
  fixture.index.check_invariants();
}
