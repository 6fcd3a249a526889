// The work of refused creates, counted in looks at objects (Room::looks()): bounded for each, however many objects
// there are. See shm/store/search_rest.h.

#include <catch2/catch.hpp>
#include <vector>

#include "shm/store/create_waits.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kFloodObjects = 8192;
constexpr std::uint64_t kFloodBytes = 128;
/// Maximum number of looks of a refused create that does not search all objects: those of the searches in
/// shm/eviction/eviction.h that are bounded, at two tables and the object.
constexpr std::uint64_t kBounded = 4096;

/// A full store of small objects.
struct CrowdedStore : StoreFixture {
  explicit CrowdedStore(const StoreConfig& config = {.capacity = kFloodObjects * kFloodBytes,
                                                     .max_objects = 3 * kFloodObjects})
      : StoreFixture(config), creates(store) {}

  void fill(const NewObject& like, std::uint64_t count = kFloodObjects) {
    for (std::uint64_t number = 0; number < count; ++number) {
      NewObject object = like;
      object.id = id_of(number);
      object.data_size = kFloodBytes;
      const std::vector<std::byte> bytes(kFloodBytes);
      REQUIRE(store.put_object(writer, object, bytes, {}, ++now));
    }
  }
  std::string put(std::uint64_t size = kFloodBytes) {
    const std::vector<std::byte> bytes(size);
    return outcome(creates.put_now(writer, {.id = id_of(1'000'000 + ++puts), .data_size = size}, bytes, {}, now));
  }
  /// The looks that `what` takes.
  template <class What>
  std::uint64_t looks(What&& what) {
    const std::uint64_t before = store.room().looks();
    what();
    return store.room().looks() - before;
  }
  /// A hundred refused puts, at the same moment, after a first one.
  void check_flood(std::uint64_t size = kFloodBytes) {
    const std::uint64_t first = looks([&] { CHECK(put(size) == "out_of_memory"); });
    CHECK(first > kFloodObjects);  // it has looked at all of them
    for (int i = 0; i < 100; ++i) CHECK(looks([&] { CHECK(put(size) == "out_of_memory"); }) < kBounded);
  }

  CreateWaits creates;
  std::uint64_t puts = 0;
};

}  // namespace

TEST_CASE("refused puts among many objects in use look at few of them") {
  CrowdedStore crowd;
  crowd.fill({});
  TestClient reader = crowd.client();
  std::vector<Held> held;
  for (std::uint64_t number = 0; number < kFloodObjects; ++number) held.push_back(reader.hold(id_of(number)));
  crowd.check_flood();
  SECTION("and find what was released, after a rest") {
    reader.release(held[kFloodObjects / 2]);
    crowd.now += kSecond;
    CHECK(crowd.put() == "ok");
  }
  SECTION("and what was removed, at once") {
    for (std::uint64_t number = 0; number < 2; ++number) {
      reader.release(held[number]);
      REQUIRE(crowd.store.remove(id_of(number), crowd.now));
    }
    CHECK(crowd.put() == "ok");
  }
  SECTION("and what all clients released, at once") {
    for (const Held& each : held) reader.release(each);
    CHECK(crowd.put() == "ok");
  }
}

TEST_CASE("refused puts among many pinned objects look at few of them") {
  CrowdedStore crowd;
  crowd.fill({.id = {}, .pinned = true});
  crowd.check_flood();
  REQUIRE(crowd.store.unpin(id_of(7), crowd.now));
  CHECK(crowd.put() == "ok");  // what is unpinned is found at once
}

TEST_CASE("refused puts among scattered free bytes look at few objects") {
  CrowdedStore crowd;
  crowd.fill({.id = {}, .pinned = true});
  for (std::uint64_t number = 0; number < kFloodObjects; number += 2)
    REQUIRE(crowd.store.unpin(id_of(number), crowd.now));
  TestClient reader = crowd.client();
  for (std::uint64_t number = 1; number < kFloodObjects; number += 2) static_cast<void>(reader.hold(id_of(number)));
  crowd.check_flood(4 * kFloodBytes);
}

TEST_CASE("refused puts among many dirty objects look at few of them") {
  CrowdedStore crowd({.capacity = kFloodObjects * kFloodBytes, .max_objects = 3 * kFloodObjects, .spill = true});
  const std::uint64_t kept = kFloodObjects / 2;
  crowd.fill({.id = {}, .retention = Retention::keep}, kept);
  TestClient reader = crowd.client();
  for (std::uint64_t number = kept; number < kFloodObjects; ++number) {
    const std::vector<std::byte> bytes(kFloodBytes);
    REQUIRE(
        crowd.store.put_object(crowd.writer, {.id = id_of(number), .data_size = kFloodBytes}, bytes, {}, ++crowd.now));
    static_cast<void>(reader.hold(id_of(number)));
  }
  crowd.check_flood();
  SECTION("also while a window is planned for the disk") {
    Room::DirtyWindow window;
    CHECK(crowd.looks([&] { window = crowd.store.room().dirty_in_the_way(kFloodBytes, crowd.now); }) <=
          Room::kDirtyLooks);
    REQUIRE(window.slots.size() == 1);
    CHECK(crowd.store.rows().fields(window.slots.front()).id == id_of(0));  // that was sealed first
    CHECK(crowd.looks([&] { CHECK(crowd.put() == "out_of_memory"); }) < kBounded);
  }
  SECTION("and find what was written at once") {
    const SlotIndex slot = crowd.store.rows().find(id_of(9));
    REQUIRE(crowd.store.sealed().written(slot, crowd.store.rows().sealed_at(slot), 77));
    CHECK(crowd.put() == "ok");
  }
}

TEST_CASE("a window for the disk is found although most dirty objects are in the way of none") {
  CrowdedStore crowd({.capacity = kFloodObjects * kFloodBytes, .max_objects = 3 * kFloodObjects, .spill = true});
  crowd.fill({.id = {}, .retention = Retention::keep}, kFloodObjects / 4 * 3);
  TestClient reader = crowd.client();
  for (std::uint64_t number = 0; number < kFloodObjects / 4 * 3 - 2; number += 2)
    static_cast<void>(reader.hold(id_of(number)));
  // Every second object is held, but for the last two: only there are two neighbours free of references.
  Room::DirtyWindow window;
  for (int calls = 0; calls < 8 && window.slots.empty(); ++calls) {
    CHECK(crowd.looks([&] {
      window = crowd.store.room().dirty_in_the_way(kFloodObjects / 4 * kFloodBytes + 2 * kFloodBytes, crowd.now);
    }) < 2 * Room::kDirtyLooks);
    CHECK_FALSE(window.complete);
  }
  CHECK(window.slots.size() >= 2);
  while (!window.complete) window = crowd.store.room().dirty_in_the_way(kFloodObjects / 2 * kFloodBytes, crowd.now);
  CHECK(window.slots.empty());  // there is none of that size
}

TEST_CASE("evictions on request among many objects in use look at few of them") {
  CrowdedStore crowd;
  crowd.fill({});
  TestClient reader = crowd.client();
  for (std::uint64_t number = 0; number < kFloodObjects; ++number) static_cast<void>(reader.hold(id_of(number)));
  CHECK(crowd.looks([&] { CHECK(crowd.store.room().evict(1, crowd.now) == 0); }) > kFloodObjects);
  for (int i = 0; i < 100; ++i)
    CHECK(crowd.looks([&] { CHECK(crowd.store.room().evict(1, crowd.now) == 0); }) < kBounded);
}

TEST_CASE("refused puts for want of a slot look at few objects") {
  CrowdedStore crowd({.capacity = 4 * kFloodObjects * kFloodBytes, .max_objects = kFloodObjects});
  crowd.fill({});
  TestClient reader = crowd.client();
  for (std::uint64_t number = 0; number < kFloodObjects; ++number) static_cast<void>(reader.hold(id_of(number)));
  crowd.check_flood();
}

TEST_CASE("refused puts among many removed objects that are held look at few of them") {
  CrowdedStore crowd;
  crowd.fill({});
  TestClient reader = crowd.client();
  for (std::uint64_t number = 0; number < kFloodObjects; ++number) static_cast<void>(reader.hold(id_of(number)));
  crowd.store.clear(crowd.now);
  crowd.check_flood();
}
