// The life of an object and of a client, told to the store directly. Who uses what: store_use_test.cc.

#include "shm/store/store.h"

#include <catch2/catch.hpp>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

TEST_CASE("a store refuses a config that makes no sense") {
  CHECK(outcome(Store::create({.capacity = 0}, 0)) == "invalid_argument");
  CHECK(outcome(Store::create({.capacity = kMaxCapacity + 1}, 0)) == "invalid_argument");
  CHECK(outcome(Store::create({.capacity = kMiB, .max_objects = (1U << 30) + 1}, 0)) == "invalid_argument");
  CHECK(outcome(Store::create({.capacity = kMiB, .low_water_mark = 0.6}, 0)) == "invalid_argument");
  CHECK(Store::create({.capacity = 1}, 0).value()->rows().config.capacity == kPageBytes);
  CHECK(Store::create({.capacity = kMiB}, 0).value()->rows().config.max_objects == 1024);
  CHECK(Store::create({.capacity = 16 * kMiB}, 0).value()->rows().config.max_objects == 16 * 1024);
}

TEST_CASE("an object is created, written through one mapping, sealed, and read through another") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  const NewObject object = {.id = id_of(1), .data_size = 100, .metadata_size = 20, .type_tag = 9, .type_name = "name"};
  const Placement placed = fixture.store.create_object(fixture.writer, object, fixture.now).value();
  const std::span<std::byte> bytes = fixture.store.rows().bytes(placed.slot);
  REQUIRE(bytes.size() == 120);
  std::ranges::fill(bytes, std::byte{0x5a});
  CHECK_FALSE(reader.sees(id_of(1)));
  REQUIRE(fixture.store.seal(fixture.writer, id_of(1), fixture.now).value() == placed.slot);
  CHECK(reader.sees(id_of(1)));
  const Held held = reader.hold(id_of(1));
  CHECK(held.offset == placed.offset);
  CHECK(held.data_size == 100);
  CHECK(held.metadata_size == 20);
  CHECK(held.type_tag == 9);
  for (const std::byte byte : reader.bytes(held)) REQUIRE(byte == std::byte{0x5a});
  CHECK(fixture.store.report().metadata(id_of(1), {fixture.now, {}}).value().type_name == "name");
  fixture.store.check_invariants();
}

TEST_CASE("an object is put in one step, and is like one that was created, written and sealed") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  const NewObject object = {.id = id_of(1), .data_size = 100, .metadata_size = 20, .type_name = "name"};
  const std::vector<std::byte> data(100, std::byte{1});
  const std::vector<std::byte> metadata(20, std::byte{2});
  REQUIRE(fixture.store.put_object(fixture.writer, object, data, metadata, fixture.now));
  const Held held = reader.hold(id_of(1));
  const std::span<const std::byte> bytes = reader.bytes(held);
  CHECK(std::ranges::equal(bytes.first(100), data));
  CHECK(std::ranges::equal(bytes.subspan(100), metadata));
  CHECK(fixture.store.report().metadata(id_of(1), {fixture.now, {}}).value().type_name == "name");
  CHECK(fixture.store.report().client_info(fixture.writer, fixture.now).unsealed_bytes == 0);
  CHECK(outcome(fixture.store.put_object(fixture.writer, object, data, metadata, fixture.now)) == "already_exists");
  CHECK(outcome(fixture.store.seal(fixture.writer, id_of(1), fixture.now)) == "already_sealed");
  fixture.store.check_invariants();
}

TEST_CASE("labels: stored behind the type's name, counted in used bytes, and part of no get") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  const std::string label =
      GENERATE(std::string(), std::string("a"), std::string(kMaxLabel, 'l'), std::string("été\n"));
  const std::string_view name = GENERATE("", "name");
  const bool at_once = GENERATE(true, false);
  CAPTURE(label, name, at_once);
  const NewObject object = {.id = id_of(1), .data_size = 100, .metadata_size = 20, .type_name = name, .label = label};
  const std::vector<std::byte> data(100, std::byte{1}), metadata(20, std::byte{2});
  if (at_once)
    REQUIRE(fixture.store.put_object(fixture.writer, object, data, metadata, fixture.now));
  else
    REQUIRE(fixture.put(object) != kNoSlot);
  const ObjectMetadata told = fixture.store.report().metadata(id_of(1), {fixture.now, {}}).value();
  CHECK(told.label == label);
  CHECK(told.type_name == name);
  CHECK(told.creator_pid == 77);
  const Held held = reader.hold(id_of(1));
  CHECK(held.data_size == 100);
  CHECK(held.metadata_size == 20);
  const StoreStats stats = fixture.store.stats(fixture.now);
  CHECK(stats.used_bytes == Arena::taken_by(120 + name.size() + label.size()));
  CHECK(stats.padding_bytes == stats.used_bytes - 120 - name.size() - label.size());
  CHECK(stats.total_size == 120);
}

TEST_CASE("labels: too long or not UTF-8 is refused, and nothing is left of it") {
  StoreFixture fixture;
  const auto refused = [&](std::string_view label) {
    const auto placed = fixture.store.create_object(fixture.writer, {.id = id_of(1), .label = label}, fixture.now);
    REQUIRE_FALSE(placed);
    return placed.error();
  };
  CHECK(refused(std::string(kMaxLabel + 1, 'l')).code == Errc::too_large);
  CHECK(refused(std::string(kMaxLabel + 1, 'l')).message.find("a label of 256 bytes; 255 is the limit") !=
        std::string::npos);
  CHECK(refused("\xff\x1b").code == Errc::invalid_argument);
  CHECK(refused("\xff\x1b").message.find("a label that is not UTF-8") != std::string::npos);
  CHECK(fixture.store.stats(fixture.now).used_bytes == 0);
}

TEST_CASE("only its creator may seal or abort an object") {
  StoreFixture fixture;
  const ClientId other = fixture.attach();
  REQUIRE(fixture.create(1, 100).has_value());
  CHECK(outcome(fixture.store.seal(other, id_of(1), fixture.now)) == "permission_denied");
  CHECK(outcome(fixture.store.abort(other, id_of(1))) == "permission_denied");
  CHECK(outcome(fixture.store.seal(fixture.writer, id_of(2), fixture.now)) == "not_found");
  CHECK(outcome(fixture.store.abort(fixture.writer, id_of(2))) == "not_found");
  CHECK(outcome(fixture.store.seal(fixture.writer, id_of(1), fixture.now)) == "ok");
  CHECK(outcome(fixture.store.seal(fixture.writer, id_of(1), fixture.now)) == "already_sealed");
  CHECK(outcome(fixture.store.abort(fixture.writer, id_of(1))) == "already_sealed");
}

TEST_CASE("sizes that wrap around or pass a limit are refused before anything is taken") {
  StoreFixture fixture;
  const auto refused = [&](const NewObject& object) {
    return outcome(fixture.store.create_object(fixture.writer, object, fixture.now));
  };
  CHECK(refused({.id = id_of(1), .data_size = UINT64_MAX}) == "too_large");
  CHECK(refused({.id = id_of(1), .data_size = UINT64_MAX - 10, .metadata_size = 20}) == "too_large");
  CHECK(refused({.id = id_of(1), .data_size = kMiB, .metadata_size = 1}) == "too_large");
  CHECK(refused({.id = id_of(1), .data_size = kMiB, .type_name = "n"}) == "too_large");
  CHECK(refused({.id = id_of(1), .metadata_size = kMaxMetadata + 1}) == "too_large");
  const std::string name(kMaxTypeName + 1, 'n');
  CHECK(refused({.id = id_of(1), .type_name = name}) == "too_large");
  CHECK(fixture.store.stats(fixture.now).used_bytes == 0);
  CHECK(refused({.id = id_of(1), .data_size = kMiB}) == "ok");
}

TEST_CASE("a clear goes piece by piece, and spares what is sealed after it began") {
  StoreFixture fixture({.capacity = 4 * kMiB});
  constexpr std::uint64_t kObjects = 3 * kRemovalsPerPiece;
  for (std::uint64_t n = 0; n < kObjects; ++n) fixture.put(n, 10);
  const TimeNs through = fixture.store.rows().last_seal;
  int pieces = 0;
  SlotIndex cursor = 0;
  do {
    const std::uint64_t before = fixture.store.stats(fixture.now).total_objects;
    cursor = fixture.store.clear(fixture.now, cursor, through);
    CHECK(before - fixture.store.stats(fixture.now).total_objects <= kRemovalsPerPiece);
    fixture.put(kObjects + static_cast<std::uint64_t>(pieces++), 10);  // in a slot that is free again, or beyond
  } while (cursor != 0);
  CHECK(pieces >= 3);
  CHECK(fixture.store.stats(fixture.now).total_objects == static_cast<std::uint64_t>(pieces));
  CHECK(fixture.store.stats(fixture.now).removed_count == kObjects);
  for (int n = 0; n < pieces; ++n) CHECK(fixture.exists(kObjects + static_cast<std::uint64_t>(n)));
}

TEST_CASE("a removal that says when its object was sealed spares every other object of that id") {
  StoreFixture fixture;
  fixture.put(1, 100);
  const TimeNs first = fixture.store.report().metadata(id_of(1), {fixture.now, {}}).value().seal_stamp;
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  CHECK_FALSE(fixture.store.remove_sealed_at(id_of(1), first, fixture.now));
  fixture.put(1, 100);  // in the same slot
  const TimeNs second = fixture.store.report().metadata(id_of(1), {fixture.now, {}}).value().seal_stamp;
  CHECK(second != first);
  CHECK_FALSE(fixture.store.remove_sealed_at(id_of(1), first, fixture.now));
  CHECK(fixture.exists(1));
  CHECK(fixture.store.remove_sealed_at(id_of(1), second, fixture.now));
  CHECK_FALSE(fixture.exists(1));
}

TEST_CASE("an eviction goes piece by piece, and says when there is nothing more to do") {
  StoreFixture fixture({.capacity = 4 * kMiB});
  constexpr std::uint64_t kObjects = 2 * kRemovalsPerPiece + 10;
  constexpr std::uint64_t kTaken = 64;
  for (std::uint64_t n = 0; n < kObjects; ++n) fixture.put(n, 10);
  Room::Evicted piece = fixture.store.room().evict_piece(UINT64_MAX, fixture.now);
  CHECK(piece.bytes == kRemovalsPerPiece * kTaken);
  CHECK(piece.more);
  piece = fixture.store.room().evict_piece(kRemovalsPerPiece * kTaken, fixture.now);  // as many as one piece takes
  CHECK(piece.bytes == kRemovalsPerPiece * kTaken);
  CHECK_FALSE(piece.more);
  piece = fixture.store.room().evict_piece(UINT64_MAX, fixture.now);
  CHECK(piece.bytes == 10 * kTaken);
  CHECK_FALSE(piece.more);
  for (std::uint64_t n = 0; n < kObjects; ++n) fixture.put(n, 10);
  CHECK(fixture.store.room().evict(UINT64_MAX, fixture.now) == kObjects * kTaken);
}

TEST_CASE("before a create is refused, all that was removed and is no longer held is found") {
  StoreFixture fixture({.capacity = 2 * kMiB, .max_objects = 4096});
  constexpr std::uint64_t kRemoved = Room::kSweepForRoom + 100;
  fixture.fill(kRemoved, 1000);
  TestClient reader = fixture.client();
  std::vector<Held> held;
  for (std::uint64_t n = 0; n < kRemoved; ++n) held.push_back(reader.hold(id_of(n)));
  for (std::uint64_t n = 0; n < kRemoved; ++n) REQUIRE(fixture.store.remove(id_of(n), fixture.now).value());
  CHECK(outcome(fixture.create(kRemoved, 2 * kMiB)) == "out_of_memory");
  for (const Held& object : held) reader.release(object);
  CHECK(outcome(fixture.create(kRemoved, 2 * kMiB)) == "ok");
}

TEST_CASE("what was removed and is no longer held leaves room for the largest object, beside what may be evicted") {
  StoreFixture fixture({.capacity = 8 * kMiB, .max_objects = 16384});
  constexpr std::uint64_t kObjects = 8000;
  fixture.fill(kObjects, 1000);
  TestClient reader = fixture.client();
  std::vector<Held> held;
  for (std::uint64_t n = 0; n < kObjects; n += 4) held.push_back(reader.hold(id_of(n)));
  for (std::uint64_t n = 0; n < kObjects; n += 4) REQUIRE(fixture.store.remove(id_of(n), fixture.now).value());
  for (const Held& object : held) reader.release(object);
  CHECK(outcome(fixture.create(kObjects, 8 * kMiB)) == "ok");
}

TEST_CASE("a seal or an abort that says where means no object of the same id that is elsewhere") {
  StoreFixture fixture;
  const Placement old = fixture.create(1, 100).value();
  REQUIRE(fixture.store.abort(fixture.writer, id_of(1), old.offset));
  REQUIRE(fixture.create(2, 100));  // in its place
  const Placement fresh = fixture.create(1, 100).value();
  REQUIRE(fresh.offset != old.offset);
  CHECK(outcome(fixture.store.seal(fixture.writer, id_of(1), fixture.now, old.offset)) == "not_found");
  CHECK(outcome(fixture.store.abort(fixture.writer, id_of(1), old.offset)) == "not_found");
  CHECK(outcome(fixture.store.seal(fixture.writer, id_of(1), fixture.now, fresh.offset)) == "ok");
}

TEST_CASE("a client that goes takes its unsealed objects with it and leaves the sealed ones") {
  StoreFixture fixture;
  const ClientId client = fixture.attach();
  REQUIRE(fixture.store.create_object(client, {.id = id_of(1), .data_size = 1000}, fixture.now).has_value());
  REQUIRE(fixture.store.create_object(client, {.id = id_of(2), .data_size = 1000, .pinned = true}, fixture.now)
              .has_value());
  REQUIRE(fixture.store.create_object(client, {.id = id_of(3), .data_size = 1000}, fixture.now).has_value());
  REQUIRE(fixture.store.seal(client, id_of(3), fixture.now).has_value());
  REQUIRE(fixture.create(4, 1000).has_value());
  fixture.store.detach(client, fixture.now);
  fixture.store.check_invariants();
  const StoreStats stats = fixture.store.stats(fixture.now);
  CHECK(stats.unsealed_count == 1);
  CHECK(stats.aborted_count == 2);
  CHECK(stats.pinned_count == 0);
  CHECK(stats.used_bytes == 2048);
  CHECK(stats.client_count == 1);
  CHECK(fixture.exists(3));
  CHECK(fixture.put(1, 10) != kNoSlot);
}

TEST_CASE("a removed object that is held keeps its bytes and its slot until a look after the last release") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  const SlotIndex slot = fixture.put(1, 1000);
  const Held held = reader.hold(id_of(1));
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  CHECK_FALSE(fixture.store.remove(id_of(1), fixture.now).value());
  CHECK_FALSE(reader.sees(id_of(1)));
  fixture.store.check_invariants();
  CHECK(fixture.put(1, 1000) != slot);
  fixture.store.room().sweep();
  CHECK(fixture.store.stats(fixture.now).retired_count == 1);
  reader.release(held);
  fixture.store.room().sweep();
  CHECK(fixture.store.stats(fixture.now).retired_count == 0);
  CHECK(fixture.store.stats(fixture.now).used_bytes == 1024);
  CHECK(reader.hold(id_of(1)).slot != slot);
}

TEST_CASE("what was retired and let go is found again by the creates that need it") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  fixture.fill(4, kMiB / 4);
  std::vector<Held> held;
  for (std::uint64_t n = 0; n < 4; ++n) held.push_back(reader.hold(id_of(n)));
  fixture.store.clear(fixture.now);
  CHECK(outcome(fixture.create(10, 1)) == "out_of_memory");
  for (const Held& each : held) reader.release(each);
  CHECK(outcome(fixture.create(10, kMiB)) == "ok");
}

TEST_CASE("objects leave for every cause, and the listener hears it after it happened") {
  struct Listener final : StoreListener {
    void on_sealed(SlotIndex, const SlotFields& object) override { told.push_back("sealed " + object.id.hex()); }
    void on_removed(SlotIndex, const SlotFields& object, RemovalCause cause) override {
      static constexpr const char* kNames[] = {"removed ", "evicted ", "expired ", "cleared "};
      told.push_back(kNames[static_cast<std::size_t>(cause)] + object.id.hex());
    }
    std::vector<std::string> told;
  } listener;
  StoreFixture fixture;
  fixture.store.sealed().set_listener(&listener);
  const auto next = [&](std::string_view what, std::uint64_t number) {
    REQUIRE_FALSE(listener.told.empty());
    CHECK(listener.told.front() == std::string(what) + " " + id_of(number).hex());
    listener.told.erase(listener.told.begin());
  };
  fixture.put({.id = id_of(1), .data_size = 10, .lifetimes = {.to_live = std::chrono::milliseconds(1)}});
  next("sealed", 1);
  fixture.store.expire(fixture.now + kSecond);
  next("expired", 1);
  fixture.fill(3, 10);
  for (std::uint64_t n = 0; n < 3; ++n) next("sealed", n);
  CHECK(fixture.store.room().evict(1, fixture.now) == 64);
  next("evicted", 0);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  next("removed", 1);
  fixture.store.clear(fixture.now);
  next("cleared", 2);
  CHECK(listener.told.empty());
  fixture.store.sealed().set_listener(nullptr);
}

TEST_CASE("seals are ordered even when the clock stands still") {
  StoreFixture fixture(kLeastRecentFirst);
  for (std::uint64_t n = 0; n < 8; ++n) {
    REQUIRE(fixture.create(n, 1000).has_value());
    REQUIRE(fixture.store.seal(fixture.writer, id_of(n), fixture.now).has_value());
  }
  for (std::uint64_t n = 0; n < 8; ++n) {
    REQUIRE(fixture.store.room().evict(1, fixture.now) == 1024);
    CHECK_FALSE(fixture.exists(n));
  }
}

TEST_CASE("time does not run backwards for the store") {
  StoreFixture fixture;
  fixture.put({.id = id_of(1), .data_size = 10, .lifetimes = {.to_live = std::chrono::seconds(10)}});
  fixture.store.expire(fixture.now + 5 * kSecond);
  CHECK(fixture.exists(1));
  CHECK(fixture.store.stats(0).uptime >= std::chrono::seconds(5));
  fixture.store.check_invariants();
}

TEST_CASE("list walks in pages and forgets nothing") {
  StoreFixture fixture({.capacity = kMiB, .max_objects = 10'000});
  fixture.fill(9000, 0);
  std::vector<ObjectMetadata> out;
  std::uint32_t cursor = 0;
  int pages = 0;
  do {
    cursor = fixture.store.report().list(cursor, {fixture.now, {}}, out);
    ++pages;
  } while (cursor != 0);
  CHECK(pages == 3);
  CHECK(out.size() == 9000);
  CHECK(fixture.store.report().list(20'000, {fixture.now, {}}, out) == 0);
  CHECK(out.size() == 9000);
}

TEST_CASE("bookkeeping stays within 128 bytes an object with one client") {
  constexpr std::uint64_t kObjects = 100'000;
  StoreFixture fixture({.capacity = 16 * kMiB, .max_objects = kObjects});
  TestClient reader = fixture.client();
  const std::uint64_t empty = fixture.store.report().bookkeeping_bytes();
  for (std::uint64_t n = 0; n < kObjects; ++n) {
    fixture.put(n, 100);
    reader.touch(id_of(n), fixture.now);
  }
  CHECK((fixture.store.report().bookkeeping_bytes() - empty) / kObjects <= 128);
}

TEST_CASE("bookkeeping stays within 128 bytes an object with as many ghosts as objects") {
  constexpr std::uint64_t kObjects = 100'000;
  StoreFixture fixture(
      {.capacity = kObjects * 128, .max_objects = kObjects, .eviction_policy = EvictionPolicy::adaptive});
  TestClient reader = fixture.client();
  const std::uint64_t empty = fixture.store.report().bookkeeping_bytes();
  for (std::uint64_t n = 0; n < 2 * kObjects; ++n) fixture.put(n, 100);
  std::uint64_t present = 0;
  for (std::uint64_t n = 0; n < 2 * kObjects; ++n) {
    if (!fixture.exists(n)) continue;
    ++present;
    reader.touch(id_of(n), fixture.now);
  }
  CHECK(present > kObjects - 100);
  CHECK((fixture.store.report().bookkeeping_bytes() - empty) / present <= 128);
}

TEST_CASE("memory is reserved before it is handed out") {
  StoreFixture fixture({.capacity = 32 * kMiB, .prefault = false});
  CHECK(fixture.store.stats(fixture.now).reserved_bytes == 0);
  fixture.put(1, 10 * kMiB);
  CHECK(fixture.store.stats(fixture.now).reserved_bytes >= 10 * kMiB);
  CHECK(fixture.store.stats(fixture.now).reserved_bytes < 32 * kMiB);
  CHECK_FALSE(fixture.store.rows().memory.next_to_warm());  // not without prefault
  StoreFixture ahead({.capacity = 32 * kMiB, .prefault = true});
  while (const auto next = ahead.store.rows().memory.next_to_warm())
    ahead.store.room().warmed(*next, ahead.store.rows().memory.warm(*next));
  CHECK(ahead.store.stats(ahead.now).reserved_bytes == 32 * kMiB);
  StoreFixture all({.capacity = 32 * kMiB, .preallocate = true});
  CHECK(all.store.stats(all.now).reserved_bytes == 32 * kMiB);
}

TEST_CASE("no more ids that hash alike are taken than readers pass, sealed or not") {
  StoreFixture fixture({.capacity = kMiB, .max_objects = 1024});
  const auto chain = [buckets = IndexGeometry::for_slots(1024).bucket_count](std::uint64_t number) {
    return bucket_of(id_of(number), buckets);
  };
  std::vector<std::uint64_t> alike;
  for (std::uint64_t number = 1; alike.size() <= WritableExtents::kLongestChain; ++number)
    if (chain(number) == chain(0)) alike.push_back(number);
  const std::uint64_t last = alike.back();
  alike.pop_back();
  for (std::size_t i = 0; i < alike.size(); ++i) {
    REQUIRE(fixture.create(alike[i], 64).has_value());
    if (i % 2 == 0) REQUIRE(fixture.store.seal(fixture.writer, id_of(alike[i]), fixture.now).has_value());
  }
  CHECK(outcome(fixture.create(last, 64)) == "invalid_argument");
  CHECK(outcome(fixture.store.put_object(fixture.writer, {.id = id_of(last)}, {}, {}, fixture.now)) ==
        "invalid_argument");
  TestClient reader = fixture.client();
  for (std::size_t i = 1; i < alike.size(); i += 2)
    REQUIRE(fixture.store.seal(fixture.writer, id_of(alike[i]), fixture.now).has_value());
  for (const std::uint64_t number : alike) CHECK(reader.sees(id_of(number)));
  CHECK(outcome(fixture.create(last, 64)) == "invalid_argument");
  std::uint64_t other = 1;
  while (chain(other) == chain(0)) ++other;
  CHECK(outcome(fixture.create(other, 64)) == "ok");
  REQUIRE(fixture.store.remove(id_of(alike.front()), fixture.now).value());
  CHECK(outcome(fixture.create(last, 64)) == "ok");
}
