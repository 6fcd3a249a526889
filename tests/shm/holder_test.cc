#include "shm/table/holder.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "shm/table/object_index.h"
#include "tests/environment.h"
#include "tests/shm/index_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint32_t kHolderSlots = 64;
constexpr std::uint64_t kExtent = 256;

/// An index, and clients with tables of their own.
struct HolderFixture {
  HolderFixture()
      : index(ObjectIndex::create(kHolderSlots, kHolderSlots * kExtent).value()),
        mapping(index.segment().map(Mapping::Mode::read_only).value()) {}

  struct Client {
    Holder holder;
    PinTable seen_by_daemon;
  };
  [[nodiscard]] Client attach() const {
    const Segment segment = Segment::create("pins", PinTableGeometry::for_slots(kHolderSlots).total_bytes).value();
    return {Holder(IndexReader::open(mapping.data(), mapping.size()).value(),
                   PinTable(segment.map(Mapping::Mode::read_write).value(), kHolderSlots)),
            PinTable(segment.map(Mapping::Mode::read_only).value(), kHolderSlots)};
  }
  SlotIndex put(const ObjectId& id) {
    const SlotIndex slot = index.take().value();
    index.write(slot, {id, slot * kExtent, kExtent, 5, 77});
    index.publish(slot, id);
    return slot;
  }

  ObjectIndex index;
  Mapping mapping;
};

}  // namespace

TEST_CASE("a held object's row is told, and its reference counted until released") {
  HolderFixture fixture;
  HolderFixture::Client client = fixture.attach();
  const SlotIndex slot = fixture.put(id_of(1));
  const Holder::Attempt attempt = client.holder.hold(id_of(1));
  REQUIRE(attempt.verdict == Holder::Verdict::held);
  CHECK(attempt.object.slot == slot);
  CHECK(attempt.object.offset == slot * kExtent);
  CHECK(attempt.object.data_size == kExtent);
  CHECK(attempt.object.metadata_size == 5);
  CHECK(attempt.object.type_tag == 77);
  client.holder.hold_again(slot);
  CHECK(client.seen_by_daemon.references(slot) == 2);
  CHECK_FALSE(client.holder.release(slot));
  CHECK_FALSE(client.holder.release(slot));
  CHECK(client.seen_by_daemon.references(slot) == 0);
  CHECK(client.seen_by_daemon.access_counts().hits == 0);
}

TEST_CASE("nothing is counted for what is absent or undecided") {
  HolderFixture fixture;
  HolderFixture::Client client = fixture.attach();
  CHECK(client.holder.hold(id_of(1)).verdict == Holder::Verdict::absent);
  const SlotIndex slot = fixture.put(id_of(1));
  fixture.index.begin_retire(slot);
  CHECK(client.holder.hold(id_of(1)).verdict == Holder::Verdict::undecided);
  CHECK(client.seen_by_daemon.references(slot) == 0);
  CHECK(client.seen_by_daemon.access_counts().misses == 0);
}

TEST_CASE("only the last release says so, and only when somebody waits") {
  HolderFixture fixture;
  HolderFixture::Client client = fixture.attach();
  const SlotIndex slot = fixture.put(id_of(1));
  REQUIRE(client.holder.hold(id_of(1)).verdict == Holder::Verdict::held);
  client.holder.hold_again(slot);
  fixture.index.set_release_wanted(true);
  CHECK_FALSE(client.holder.release(slot));
  CHECK(client.holder.release(slot));
  fixture.index.set_release_wanted(false);
  REQUIRE(client.holder.hold(id_of(1)).verdict == Holder::Verdict::held);
  CHECK_FALSE(client.holder.release(slot));
}

TEST_CASE("what the daemon keeps for us is found at the end of however long a chain") {
  constexpr std::uint32_t kMany = 512;
  ObjectIndex index = ObjectIndex::create(kMany, 1 << 20).value();
  const Mapping mapping = index.segment().map(Mapping::Mode::read_only).value();
  const Segment pins = Segment::create("pins", PinTableGeometry::for_slots(kMany).total_bytes).value();
  Holder holder(IndexReader::open(mapping.data(), mapping.size()).value(),
                PinTable(pins.map(Mapping::Mode::read_write).value(), kMany));
  const std::uint32_t buckets = IndexGeometry::for_slots(kMany).bucket_count;
  const std::vector<ObjectId> alike = colliding_ids(IndexReader::kMaxSteps + 10, buckets);
  for (const ObjectId& id : alike) {
    const SlotIndex slot = index.take().value();
    index.write(slot, {id, 0, 0, 0, 0});
    index.publish(slot, id);
  }
  CHECK(holder.hold(alike.front()).verdict == Holder::Verdict::undecided);
  CHECK(holder.hold_kept(alike.front()).verdict == Holder::Verdict::held);
}

TEST_CASE("memory is never reused under a reader: holds and retirements race over checksummed payloads") {
  HolderFixture fixture;
  constexpr std::uint64_t kObjects = 6;
  constexpr int kReaders = 2;
  // Both sides have a mapping of the index of their own, and ThreadSanitizer takes a word at two addresses for two
  // words: it cannot know what orders the accesses to these bytes. To it they are atomics, with no order at all.
  std::vector<std::atomic<std::byte>> arena(kHolderSlots * kExtent);
  const auto extent = [&](SlotIndex slot) { return std::span(arena).subspan(slot * kExtent, kExtent); };
  const auto mark = [](const ObjectId& id, std::uint64_t at) {
    return static_cast<std::byte>((id.bytes()[at % ObjectId::kSize] + at) & 0xff);
  };
  std::vector<HolderFixture::Client> clients;
  for (int reader = 0; reader < kReaders; ++reader) clients.push_back(fixture.attach());

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> torn{0}, holds{0};
  std::vector<std::thread> readers;
  for (HolderFixture::Client& client : clients) {
    readers.emplace_back([&] {
      for (std::uint64_t n = 0; !stop.load(std::memory_order_relaxed); ++n) {
        const ObjectId id = id_of(n % kObjects);
        const Holder::Attempt attempt = client.holder.hold(id);
        if (attempt.verdict != Holder::Verdict::held) continue;
        const auto bytes = extent(attempt.object.slot);
        for (std::uint64_t at = 0; at < kExtent; at += 17)
          if (bytes[at].load(std::memory_order_relaxed) != mark(id, at)) ++torn;
        static_cast<void>(client.holder.release(attempt.object.slot));
        ++holds;
      }
    });
  }

  // The daemon: evicts what nobody holds, scribbles over its extent, and gives the slot to another object.
  std::mt19937 random(11);
  std::vector<SlotIndex> slots(kObjects, kNoSlot);
  std::uint64_t evictions = 0;
  std::uint64_t refusals = 0;
  const std::uint64_t rounds = dolium::test::number_from_environment("DOLIUM_HOLDER_RACES", 300'000);
  for (std::uint64_t round = 0; round < rounds || holds.load() < 1000; ++round) {
    const std::size_t n = random() % kObjects;
    SlotIndex& slot = slots[n];
    if (slot == kNoSlot) {
      slot = fixture.index.take().value();
      for (std::uint64_t at = 0; at < kExtent; ++at)
        extent(slot)[at].store(mark(id_of(n), at), std::memory_order_relaxed);
      fixture.index.write(slot, {id_of(n), slot * kExtent, kExtent, 0, 0});
      fixture.index.publish(slot, id_of(n));
      continue;
    }
    fixture.index.begin_retire(slot);
    bool held = false;
    for (const HolderFixture::Client& client : clients) held = held || client.seen_by_daemon.references(slot) != 0;
    if (held) {
      fixture.index.cancel_retire(slot);
      ++refusals;
      continue;
    }
    fixture.index.unlink(slot);
    for (std::atomic<std::byte>& byte : extent(slot)) byte.store(std::byte{0xee}, std::memory_order_relaxed);
    fixture.index.release(slot);
    slot = kNoSlot;
    ++evictions;
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CAPTURE(evictions, refusals, holds.load());
  CHECK(torn == 0);
  CHECK(evictions > 0);
  for (const HolderFixture::Client& client : clients)
    for (SlotIndex slot = 0; slot < kHolderSlots; ++slot) REQUIRE(client.seen_by_daemon.references(slot) == 0);
}

TEST_CASE("a granted object is held by its place, in the index or not, while no other server has begun") {
  HolderFixture fixture;
  HolderFixture::Client client = fixture.attach();
  const SlotIndex slot = fixture.put(id_of(1));
  fixture.index.begin_retire(slot);
  fixture.index.unlink(slot);
  const Held granted{slot, slot * kExtent, kExtent, 5, 77};
  const Holder::Attempt attempt = client.holder.hold_granted({granted, 0});
  REQUIRE(attempt.verdict == Holder::Verdict::held);
  CHECK(attempt.object.slot == slot);
  CHECK(attempt.object.offset == slot * kExtent);
  CHECK(attempt.object.data_size == kExtent);
  CHECK(attempt.object.metadata_size == 5);
  CHECK(attempt.object.type_tag == 77);
  CHECK(client.seen_by_daemon.references(slot) == 1);
  CHECK_FALSE(client.holder.release(slot));

  const ObjectIndex next = ObjectIndex::adopt(fixture.index.segment().duplicate().value()).value();
  REQUIRE(next.successions() == 1);
  CHECK(client.holder.hold_granted({granted, 0}).verdict == Holder::Verdict::absent);
  CHECK(client.seen_by_daemon.references(slot) == 0);
  CHECK(client.holder.hold_granted({granted, 1}).verdict == Holder::Verdict::held);
}

TEST_CASE("a grant of a place that cannot be is refused") {
  HolderFixture fixture;
  HolderFixture::Client client = fixture.attach();
  for (const Held& place :
       {Held{kHolderSlots, 0, 1, 0, 0}, Held{0, kHolderSlots * kExtent, 1, 0, 0},
        Held{0, 0, kHolderSlots * kExtent, 1, 0}, Held{0, 0, UINT64_MAX, 1, 0}, Held{0, UINT64_MAX, 2, 0, 0}})
    CHECK(client.holder.hold_granted({place, 0}).verdict == Holder::Verdict::absent);
  CHECK(client.seen_by_daemon.references(0) == 0);
}
