#include "shm/arena/relocation.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <thread>

#include "shm/os/monotonic_clock.h"
#include "tests/shm/crash_points.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

bool any(SlotIndex) {
  return true;
}

/// Objects of these many units, one behind the other, slots in order; the arena has no more.
void fill(Arena& arena, const std::vector<std::uint64_t>& units) {
  for (SlotIndex slot = 0; slot < units.size(); ++slot) REQUIRE(arena.allocate(units[slot] * kUnitBytes, slot));
}

std::vector<std::uint64_t> holes(const Arena& arena) {
  std::vector<std::uint64_t> sizes;
  for (ExtentRef extent = arena.first(); !extent.is_none(); extent = arena.after(extent))
    if (extent.is_free()) sizes.push_back(arena.size_of(extent) / kUnitBytes);
  return sizes;
}

/// A full store in which number 4 lies beside a hole of 24 KiB, and fits into one of 4 KiB. Eviction has paid for a
/// move.
struct Fragmented : StoreFixture {
  explicit Fragmented(bool relocation = true)
      : StoreFixture({.capacity = 64 * kKiB, .max_objects = 32, .relocation = relocation}) {
    write(8, 60);
    write(9, 60);  // evicts 8
    REQUIRE(store.remove(id_of(9), now).value());
    for (const auto& [number, kib] : std::map<std::uint64_t, std::uint64_t>{{1, 16}, {2, 4}, {3, 16}, {4, 4}, {5, 24}})
      write(number, kib);
    REQUIRE(store.remove(id_of(2), now).value());
    REQUIRE(store.remove(id_of(5), now).value());
  }
  /// Takes exactly so much of the arena.
  void write(std::uint64_t number, std::uint64_t kib) {
    const NewObject object{.id = id_of(number), .data_size = kib * kKiB - kUnitBytes, .type_name = "text"};
    const Placement placed = store.create_object(writer, object, now).value();
    std::ranges::fill(store.rows().bytes(placed.slot), std::byte(number));
    REQUIRE(store.seal(writer, id_of(number), ++now));
  }
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t number) const {
    return store.rows().fields(store.rows().find(id_of(number))).offset;
  }
};

bool consists_of(std::span<const std::byte> bytes, std::uint64_t number) {
  return std::ranges::all_of(bytes, [number](std::byte byte) { return byte == std::byte(number); });
}

}  // namespace

TEST_CASE("what lies beside a hole, and fits into a smaller one, moves there") {
  Arena arena(20 * kUnitBytes, 16);
  fill(arena, {5, 3, 4, 3, 5});
  arena.free(1);  // a hole of three
  arena.free(4);  // a hole of five, beside an object of three
  const auto move = next_relocation(arena, 16 * kUnitBytes, any);
  REQUIRE(move);
  CHECK(move->slot == 3);
  arena.move(move->slot, move->to);
  arena.check_invariants();
  CHECK(holes(arena) == std::vector<std::uint64_t>{8});
  CHECK(arena.offset_of(ExtentRef::live(3)) == 5 * kUnitBytes);
  CHECK_FALSE(next_relocation(arena, 16 * kUnitBytes, any));
}

TEST_CASE("nothing moves that is too large, not movable, or would do no good") {
  Arena arena(20 * kUnitBytes, 16);
  fill(arena, {5, 3, 4, 3, 5});
  arena.free(1);
  arena.free(4);
  CHECK_FALSE(next_relocation(arena, 2 * kUnitBytes, any));
  CHECK(next_relocation(arena, 16 * kUnitBytes, [](SlotIndex slot) { return slot != 3; })->slot == 0);
  arena.free(0);
  arena.free(2);
  arena.free(3);
  CHECK_FALSE(next_relocation(arena, 16 * kUnitBytes, any));
}

TEST_CASE("an object moves into the hole on its own other side") {
  Arena arena(12 * kUnitBytes, 16);
  fill(arena, {5, 3, 3, 1});
  arena.free(0);
  arena.free(2);
  const auto move = next_relocation(arena, 16 * kUnitBytes, any);
  REQUIRE(move);
  CHECK(move->slot == 1);
  arena.move(1, move->to);
  arena.check_invariants();
  CHECK(holes(arena) == std::vector<std::uint64_t>{8});
}

TEST_CASE("moves come to an end, and each makes holes larger") {
  std::mt19937_64 random(20230701);
  for (int round = 0; round < 200; ++round) {
    Arena arena(2000 * kUnitBytes, 512);
    SlotIndex slots = 0;
    while (arena.allocate((1 + random() % 20) * kUnitBytes, slots)) ++slots;
    for (SlotIndex slot = 0; slot < slots; ++slot)
      if (random() % 4 == 0) arena.free(slot);
    const auto squares = [&arena] {
      std::uint64_t sum = 0;
      for (const std::uint64_t size : holes(arena)) sum += size * size;
      return sum;
    };
    const std::uint64_t free_bytes = arena.free_bytes();
    while (const auto move = next_relocation(arena, 2000 * kUnitBytes, any)) {
      const std::uint64_t before = squares();
      const std::uint64_t size = arena.size_of(ExtentRef::live(move->slot));
      arena.move(move->slot, move->to);
      arena.check_invariants();
      REQUIRE(arena.size_of(ExtentRef::live(move->slot)) == size);
      REQUIRE(squares() > before);
    }
    REQUIRE(arena.free_bytes() == free_bytes);
  }
}

TEST_CASE("a move changes an object's place, and nothing else of it") {
  Fragmented fixture;
  Store& store = fixture.store;
  TestClient reader = fixture.client();
  const StoreStats before = store.stats(fixture.now);
  CHECK(fixture.offset_of(4) == 36 * kKiB);
  CHECK(store.room().relocate_one());
  CHECK(fixture.offset_of(4) == 16 * kKiB);
  store.check_invariants();
  const Held held = reader.get(id_of(4), fixture.now);
  CHECK(consists_of(reader.bytes(held), 4));
  CHECK(store.report().metadata(id_of(4), {fixture.now, {}}).value().type_name == "text");
  const StoreStats after = store.stats(fixture.now);
  CHECK(after.used_bytes == before.used_bytes);
  CHECK(after.largest_free_extent == 28 * kKiB);
  CHECK(after.relocation_count == 1);
  CHECK(after.relocated_bytes == 4 * kKiB);
  CHECK_FALSE(store.room().relocate_one());  // all that is free lies together
  CHECK_FALSE(store.room().wants_relocation());
  reader.release(held);
}

TEST_CASE("what is held or being written does not move, and nothing does when that is switched off") {
  Fragmented fixture;
  Store& store = fixture.store;
  TestClient reader = fixture.client();
  SECTION("held") {
    static_cast<void>(reader.get(id_of(4), fixture.now));
  }
  SECTION("promised") {
    store.usage().hold(store.rows().find(id_of(4)));
  }
  SECTION("held, and removed") {
    static_cast<void>(reader.get(id_of(4), fixture.now));
    REQUIRE(store.remove(id_of(4), fixture.now).value());
  }
  store.room().relocate_one();
  CHECK(store.stats(fixture.now).relocation_count == 0);
  Fragmented off(false);
  CHECK_FALSE(off.store.room().wants_relocation());
  CHECK_FALSE(off.store.room().relocate_one());
  CHECK(off.offset_of(4) == 36 * kKiB);
}

TEST_CASE("a pinned object that no client uses is moved as any other, and stays pinned") {
  Fragmented fixture;
  REQUIRE(fixture.store.pin(fixture.writer, id_of(4), fixture.now));
  const std::uint64_t before = fixture.offset_of(4);
  fixture.store.room().relocate_one();
  CHECK(fixture.store.stats(fixture.now).relocation_count == 1);
  CHECK(fixture.offset_of(4) != before);
  CHECK(fixture.store.report().metadata(id_of(4), {fixture.now, {}}).value().is_pinned);
  CHECK(fixture.store.stats(fixture.now).pinned_count == 1);
}

TEST_CASE("no more is moved than a tenth of what eviction made room for") {
  Fragmented fixture;
  REQUIRE(fixture.store.room().relocate_one());  // 4 of 6 KiB
  fixture.write(5, 28);
  REQUIRE(fixture.store.remove(id_of(4), fixture.now).value());
  fixture.write(4, 4);  // where it was
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  fixture.store.room().relocate_one();
  CHECK(fixture.store.stats(fixture.now).relocated_bytes == 4 * kKiB);
}

TEST_CASE("a store that dies in the middle of a move leaves the object whole, at one place") {
  Fragmented fixture;
  TestClient reader = fixture.client();
  const std::vector<Image> images = images_during(fixture.store, [&] { REQUIRE(fixture.store.room().relocate_one()); });
  REQUIRE(images.size() > 4);
  bool undone = false;
  for (const Image& image : images) {
    const auto store = recovered(fixture.store, image, {fixture.writer, reader.id()}, fixture.now);
    store->check_invariants();
    CHECK(store->recovery().damaged == 0);
    undone = undone || store->recovery().undone == 1;
    for (const std::uint64_t number : {1U, 3U, 4U}) {
      const SlotIndex slot = store->rows().find(id_of(number));
      REQUIRE(slot != kNoSlot);
      CHECK(consists_of(store->rows().bytes(slot), number));
    }
    CHECK(store->stats(fixture.now).used_bytes == 36 * kKiB);
    CHECK(store->stats(fixture.now).total_objects == 3);
  }
  CHECK(undone);
}

namespace {

constexpr std::uint64_t kWatched = 6;

/// Whether each of the watched objects is there: even when it is, one more with each change.
struct Presence final : StoreListener {
  void on_sealed(SlotIndex, const SlotFields& object) override { count(object.id); }
  void on_removed(SlotIndex, const SlotFields& object, RemovalCause) override { count(object.id); }
  void count(const ObjectId& id) {
    for (std::uint64_t number = 0; number < kWatched; ++number)
      if (id == id_of(number)) ++changes[number];
  }
  std::array<std::atomic<std::uint64_t>, kWatched> changes = {1, 1, 1, 1, 1, 1};
};

/// Gets watched objects at random, and looks at every byte.
struct Watcher {
  TestClient client;
  const Presence& presence;
  const std::atomic<std::uint64_t>& steps;
  const std::atomic<bool>& over;
  std::uint64_t looks = 0, misses = 0, torn = 0;

  void run(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!over) look(random() % kWatched);
  }
  void look(std::uint64_t number) {
    const std::uint64_t before = presence.changes[number];
    const Holder::Attempt attempt = client.holder().hold(id_of(number));
    if (attempt.verdict == Holder::Verdict::absent && before % 2 == 0) return wonder(number, before);
    if (attempt.verdict != Holder::Verdict::held) return;  // undecided: the daemon would be asked
    client.table().record_hit(attempt.object.slot, monotonic_now());
    if (!consists_of(client.bytes(attempt.object), number)) ++torn;
    client.release(attempt.object);
    ++looks;
  }
  /// It was there before, so it must have been evicted; the listener hears of that a little later.
  void wonder(std::uint64_t number, std::uint64_t before) {
    const std::uint64_t step = steps;
    while (presence.changes[number] == before && steps < step + 2) {
      if (over) return;
    }
    if (presence.changes[number] == before) ++misses;
  }
};

}  // namespace

TEST_CASE("readers in other threads find every object whole while it moves, and never miss it") {
  constexpr std::uint64_t kMoves = 1000;
  constexpr std::uint64_t kMostSteps = 1'000'000;
  StoreFixture fixture({.capacity = 256 * kKiB, .max_objects = 64});
  Store& store = fixture.store;
  Presence presence;
  store.sealed().set_listener(&presence);
  std::mt19937_64 random(20230702);
  const auto write = [&](std::uint64_t number, std::uint64_t size) {
    fixture.now = std::max(fixture.now + 1, monotonic_now());
    const auto placed = store.create_object(fixture.writer, {.id = id_of(number), .data_size = size}, fixture.now);
    if (!placed) return;
    std::ranges::fill(store.rows().bytes(placed->slot), std::byte(number));
    REQUIRE(store.seal(fixture.writer, id_of(number), fixture.now));
  };
  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> steps = 0;
  std::vector<Watcher> watchers;
  for (int i = 0; i < 2; ++i) watchers.push_back({TestClient(store, fixture.attach()), presence, steps, over});
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < watchers.size(); ++i) threads.emplace_back(&Watcher::run, &watchers[i], i);
  for (; store.stats(fixture.now).relocation_count < kMoves && steps < kMostSteps; ++steps) {
    for (std::uint64_t number = 0; number < kWatched; ++number)
      if (!fixture.exists(number)) write(number, 1500 + 500 * number);
    write(kWatched + steps, 500 + random() % 20'000);
    if (random() % 2 == 0) static_cast<void>(store.remove(id_of(kWatched + steps - random() % 8), fixture.now));
    while (store.room().relocate_one()) {
    }
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  store.sealed().set_listener(nullptr);
  CHECK(store.stats(fixture.now).relocation_count >= kMoves);
  for (const Watcher& watcher : watchers) {
    CHECK(watcher.looks > 0);
    CHECK(watcher.misses == 0);
    CHECK(watcher.torn == 0);
  }
}
