// Waits for objects that are on disk: shm/store/get_waits_disk.cc.

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shm/os/monotonic_clock.h"
#include "shm/store/engine.h"
#include "tests/shm/spill_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

/// What the tier is asked for.
struct Disk : ReadsBack {
  void want(SlotIndex slot, ClientId) override { wanted.push_back(slot); }
  void want_first(SlotIndex slot, ClientId) override {
    wanted.push_back(slot);
    first.push_back(slot);
  }
  [[nodiscard]] Error why_not(const ObjectId&, TimeNs) const override {
    return {Errc::out_of_memory, "the disk is slow"};
  }
  std::vector<SlotIndex> wanted;
  std::vector<SlotIndex> first;  // of these, for the get whose turn it is
};

struct GetFixture : SpillFixture {
  GetFixture() : engine(std::move(owned)) { engine.gets().set_tier(&disk); }
  ~GetFixture() { store.check_invariants(); }

  /// "1 2 -", or the error; empty as long as it waits.
  std::string& get(std::uint64_t number, std::vector<std::uint64_t> objects, TimeNs patience = 0) {
    std::vector<ObjectId> ids;
    for (const std::uint64_t object : objects) ids.push_back(id_of(object));
    std::string& answer = *answers.emplace_back(std::make_unique<std::string>());
    engine.gets().add(
        {writer, number}, ids, ids.size(), deadline_after(now, patience), now,
        [this, &answer](const std::vector<SlotIndex>& held) {
          REQUIRE(answer.empty());
          for (const SlotIndex slot : held) answer += slot == kNoSlot ? "- " : "+ ";
          for (const SlotIndex slot : held)
            if (slot != kNoSlot) store.usage().drop_hold(slot);
        },
        [&answer](const Error& error) { answer = error.message; });
    return answer;
  }

  [[nodiscard]] bool in_use(std::uint64_t number) const {
    return store.usage().in_use(store.rows().find(id_of(number)));
  }

  Engine engine;
  Disk disk;
  std::vector<std::unique_ptr<std::string>> answers;
};

}  // namespace

TEST_CASE("a get that waits for no client waits for the disk") {
  GetFixture fixture;
  const SlotIndex slot = fixture.spill(1, kKiB);
  const std::string& answer = fixture.get(1, {1});
  CHECK(answer.empty());
  CHECK(fixture.disk.wanted == std::vector<SlotIndex>{slot});
  SECTION("until the object is there") {
    fixture.read_back(1);
    CHECK(answer == "+ ");
  }
  SECTION("for 30 seconds at most") {
    fixture.engine.tick(fixture.now += 29 * kSecond);
    CHECK(answer.empty());
    fixture.engine.tick(fixture.now += kSecond);
    CHECK(answer == "the disk is slow");
  }
  SECTION("until the object is removed") {
    REQUIRE(fixture.store.remove(id_of(1), fixture.now));
    CHECK(answer == "- ");
  }
  SECTION("until it is cancelled") {
    fixture.engine.cancel({fixture.writer, 1}, fixture.now);
    CHECK(answer == "- ");
  }
  CHECK(fixture.engine.gets().count() == 0);
}

TEST_CASE("presence is told without the disk") {
  GetFixture fixture;
  fixture.spill(1, kKiB);
  std::vector<bool> seen;
  fixture.engine.gets().add_presence({fixture.writer, 1}, std::vector{id_of(1), id_of(2)}, 1, fixture.now, fixture.now,
                                     [&](const std::vector<bool>& there) { seen = there; });
  CHECK(seen == std::vector<bool>{true, false});
  CHECK(fixture.disk.wanted.empty());
}

TEST_CASE("gets of several objects are read back one after the other") {
  GetFixture fixture;
  for (const std::uint64_t number : {1, 2, 3, 4}) fixture.spill(number, kKiB);
  fixture.keep(5, kKiB);
  const std::string& first = fixture.get(1, {1, 2});
  const std::string& second = fixture.get(2, {5, 3, 9});
  const std::string& third = fixture.get(3, {4});
  CHECK(fixture.disk.wanted.size() == 3);  // those of the first, and that of the single one
  CHECK_FALSE(fixture.store.usage().in_use(fixture.store.rows().find(id_of(5))));  // the second holds nothing
  fixture.read_back(4);
  CHECK(third == "+ ");
  fixture.read_back(1);
  CHECK(first.empty());
  SECTION("when the one before has all") {
    fixture.read_back(2);
    CHECK(first == "+ + ");
  }
  SECTION("when the one before ends") {
    fixture.engine.cancel({fixture.writer, 1}, fixture.now);
    CHECK(first == "+ - ");
  }
  SECTION("when the client of the one before leaves") {
    fixture.engine.gets().drop_client(fixture.writer);
  }
  if (fixture.engine.gets().count() == 0) return;
  CHECK(fixture.disk.wanted.back() == fixture.store.rows().find(id_of(3)));
  CHECK(second.empty());
  fixture.read_back(3);
  CHECK(second == "+ + - ");
  CHECK(fixture.engine.gets().count() == 0);
}

TEST_CASE("a get that waits for a client holds and reads nothing of what is kept, and then takes its turn") {
  GetFixture fixture;
  for (const std::uint64_t number : {1, 2, 3}) fixture.spill(number, kKiB);
  fixture.keep(4, kKiB);
  const std::string& first = fixture.get(1, {1, 4, 9}, 100 * kSecond);
  CHECK(fixture.disk.wanted.empty());
  CHECK_FALSE(fixture.in_use(4));
  const std::string& second = fixture.get(2, {2, 3});
  CHECK(fixture.disk.wanted.size() == 2);
  REQUIRE(fixture.put(9, 10) != kNoSlot);
  CHECK(first.empty());
  CHECK(fixture.disk.wanted.size() == 2);  // the second's turn is not over
  fixture.read_back(2);
  fixture.read_back(3);
  CHECK(second == "+ + ");
  CHECK(fixture.in_use(4));
  CHECK(fixture.disk.wanted.size() == 3);
  fixture.read_back(1);
  CHECK(first == "+ + + ");
}

TEST_CASE("a get that waits for a client holds objects that can be evicted for good") {
  GetFixture fixture;
  fixture.put(5, kKiB);
  const std::string& answer = fixture.get(1, {5, 9}, 100 * kSecond);
  CHECK(fixture.in_use(5));
  REQUIRE(fixture.put(9, 10) != kNoSlot);
  CHECK(answer == "+ + ");
}

TEST_CASE("a get that waits for a client in vain gets what is in memory") {
  GetFixture fixture;
  fixture.spill(1, kKiB);
  fixture.keep(2, kKiB);
  const std::string& answer = fixture.get(1, {1, 2, 9}, 10 * kSecond);
  fixture.engine.tick(fixture.now += 10 * kSecond);
  CHECK(answer == "- + - ");
}

TEST_CASE("a get whose object is removed during its turn, or before, waits for it again") {
  GetFixture fixture;
  for (const std::uint64_t number : {1, 2, 3}) fixture.spill(number, kKiB);
  const std::string& first = fixture.get(1, {1, 2}, 100 * kSecond);
  const std::string& second = fixture.get(2, {1, 3}, 100 * kSecond);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now));
  CHECK(first.empty());
  CHECK(second.empty());
  CHECK_FALSE(fixture.in_use(2));
  fixture.keep(1, 10);
  CHECK(fixture.disk.wanted.back() == fixture.store.rows().find(id_of(2)));
  fixture.read_back(2);
  CHECK(first == "+ + ");
  fixture.read_back(3);
  CHECK(second == "+ + ");
}

TEST_CASE("a get of some of several objects reads no more than it needs") {
  GetFixture fixture;
  for (const std::uint64_t number : {1, 2, 3}) fixture.spill(number, kKiB);
  std::string answer;
  fixture.engine.gets().add(
      {fixture.writer, 1}, std::vector{id_of(1), id_of(2), id_of(3)}, 2, fixture.now, fixture.now,
      [&](const std::vector<SlotIndex>& held) {
        for (const SlotIndex slot : held) {
          answer += slot == kNoSlot ? "- " : "+ ";
          if (slot != kNoSlot) fixture.store.usage().drop_hold(slot);
        }
      },
      [&](const Error& error) { answer = error.message; });
  CHECK(fixture.disk.wanted.size() == 2);
  fixture.read_back(3);  // for another client
  fixture.read_back(1);
  CHECK(answer == "+ - + ");
}

TEST_CASE("a get whose object cannot be read lets the next one take its turn") {
  GetFixture fixture;
  for (const std::uint64_t number : {1, 2, 3, 4}) fixture.spill(number, kKiB);
  const std::string& first = fixture.get(1, {1, 2}, 100 * kSecond);
  const std::string& second = fixture.get(2, {3, 4}, 100 * kSecond);
  fixture.read_back(1);
  CHECK(fixture.in_use(1));
  fixture.engine.gets().on_read_failed(id_of(2));
  CHECK_FALSE(fixture.in_use(1));
  CHECK_FALSE(fixture.engine.gets().reads(id_of(2)));
  fixture.read_back(3);
  fixture.read_back(4);
  CHECK(second == "+ + ");
  CHECK(fixture.engine.gets().reads(id_of(2)));
  fixture.read_back(2);
  CHECK(first == "+ + ");
}

TEST_CASE("a get of more than half of the store's capacity is not read back") {
  GetFixture fixture;
  fixture.spill(1, 20 * kKiB);
  fixture.spill(2, 20 * kKiB);
  CHECK_THAT(fixture.get(1, {1, 2}), Catch::Contains("at most half"));
  CHECK(fixture.disk.wanted.empty());
}

TEST_CASE("a queued get that ends in vain says why") {
  GetFixture fixture;
  for (const std::uint64_t number : {1, 2, 3}) fixture.spill(number, kKiB);
  fixture.get(1, {1, 2}, 100 * kSecond);
  const std::string& second = fixture.get(2, {2, 3}, 10 * kSecond);
  fixture.engine.tick(fixture.now += 10 * kSecond);
  CHECK(second == "the disk is slow");
  CHECK(fixture.engine.gets().count() == 1);
}

TEST_CASE("a take of a spilled object waits for the disk") {
  GetFixture fixture;
  fixture.spill(1, kKiB);
  std::optional<Result<SlotIndex>> taken;
  fixture.engine.gets().add_take({fixture.writer, 1}, id_of(1), 0, fixture.now, fixture.now,
                                 [&](const Result<SlotIndex>& slot) { taken.emplace(slot); });
  REQUIRE_FALSE(taken.has_value());
  fixture.read_back(1);
  REQUIRE(taken.has_value());
  REQUIRE(taken->value() != kNoSlot);
  CHECK_FALSE(fixture.exists(1));
  fixture.store.usage().drop_hold(taken->value());
  fixture.store.room().sweep();
}
