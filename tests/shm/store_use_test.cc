// Who uses an object, and what follows: references, holds, grants, pins, recency, expiry.

#include <catch2/catch.hpp>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kSixteenth = kMiB / 16;

/// What a create costs a full store.
std::vector<std::uint64_t> gone_for_one_more(StoreFixture& fixture, std::uint64_t number,
                                             std::uint64_t size = kSixteenth) {
  const std::vector<std::uint64_t> before = fixture.present(number);
  fixture.put(number, size);
  std::vector<std::uint64_t> gone;
  for (const std::uint64_t each : before)
    if (!fixture.exists(each)) gone.push_back(each);
  return gone;
}

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a granted object is kept until the client has taken it up, and not longer") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  const SlotIndex slot = fixture.put(1, 1000);
  fixture.store.usage().hold(slot);
  const std::uint64_t number = fixture.store.usage().grant(reader.id(), {slot});
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
  CHECK(fixture.store.stats(fixture.now).in_use_count == 1);
  SECTION("taken up with a reference of its own") {
    const Held held = reader.hold(id_of(1));
    reader.table().set_granted_through(number);
    CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
    reader.release(held);
  }
  SECTION("taken up and not wanted") {
    reader.table().set_granted_through(number);
  }
  SECTION("the client goes") {
    fixture.store.detach(reader.id(), fixture.now);
  }
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
}

TEST_CASE("a copy of a client holds what the original holds, whichever of the two lets go first") {
  StoreFixture fixture;
  TestClient parent = fixture.client();
  fixture.put(1, 1000);
  fixture.put(2, 1000);
  fixture.put(3, 1000);
  const Held twice = parent.get(id_of(1), fixture.now);
  static_cast<void>(parent.get(id_of(1), fixture.now));
  const Held once = parent.get(id_of(2), fixture.now);
  TestClient child(fixture.store, fixture.store.attach_copy(parent.id(), fixture.now).value());
  CHECK(child.table().references(twice.slot) == 2);
  CHECK(child.table().references(once.slot) == 1);
  CHECK(fixture.store.report().client_info(child.id(), fixture.now).references == 3);
  CHECK(fixture.store.report().client_info(child.id(), fixture.now).hits == 0);  // they were the parent's
  SECTION("the parent, and it goes") {
    parent.release(once);
    fixture.store.detach(parent.id(), fixture.now);
    CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);  // object 3
    CHECK(child.sees(id_of(1)));
    CHECK(child.sees(id_of(2)));
    child.release(once);
    child.release(twice);
    CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
    child.release(twice);
    CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
  }
  SECTION("the child, by its death") {
    fixture.store.detach(child.id(), fixture.now);
    CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
    parent.release(once);
    CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
  }
  SECTION("of what was removed before the copy") {
    fixture.store.clear(fixture.now);
    TestClient late(fixture.store, fixture.store.attach_copy(child.id(), fixture.now).value());
    fixture.store.detach(parent.id(), fixture.now);
    fixture.store.detach(child.id(), fixture.now);
    CHECK(fixture.store.stats(fixture.now).retired_count == 2);
    late.release(once);
    CHECK(fixture.store.stats(fixture.now).retired_count == 1);
  }
}

TEST_CASE("a copy takes over neither lies nor grants nor what is being written") {
  StoreFixture fixture;
  TestClient parent = fixture.client();
  const Placement placed =
      fixture.store.create_object(parent.id(), {.id = id_of(1), .data_size = 1000}, fixture.now).value();
  const SlotIndex granted = fixture.put(2, 1000);
  fixture.store.usage().hold(granted);
  static_cast<void>(fixture.store.usage().grant(parent.id(), {granted}));
  parent.table().add_reference(placed.slot);                                  // unsealed
  parent.table().add_reference(granted + 1);                                  // of no object, yet
  parent.table().add_reference(fixture.store.rows().config.max_objects - 1);  // nor this
  const ClientId child = fixture.store.attach_copy(parent.id(), fixture.now).value();
  const TestClient seen(fixture.store, child);
  fixture.store.check_invariants();
  CHECK(fixture.store.report().client_info(child, fixture.now).references == 0);
  CHECK(fixture.store.report().client_info(child, fixture.now).unsealed_count == 0);
  fixture.put(3, 1000);
  fixture.store.detach(parent.id(), fixture.now);
  CHECK_FALSE(fixture.exists(1));
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 2048);
}

TEST_CASE("a copy is its original's until it says which process it is") {
  StoreFixture fixture;
  const ClientId child = fixture.store.attach_copy(fixture.writer, fixture.now).value();
  CHECK(fixture.store.report().client_info(child, fixture.now).pid == 77);
  fixture.store.clients().set_process(child, 78, "child");
  CHECK(fixture.store.report().client_info(child, fixture.now).pid == 78);
  CHECK(fixture.store.report().client_info(fixture.writer, fixture.now).pid == 77);
}

TEST_CASE("grants end in order, each with its number") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = 0; n < 3; ++n) {
    const SlotIndex slot = fixture.put(n, 1000);
    fixture.store.usage().hold(slot);
    fixture.store.usage().hold(slot);
    numbers.push_back(fixture.store.usage().grant(reader.id(), {slot, slot}));
  }
  CHECK(numbers == std::vector<std::uint64_t>{1, 2, 3});
  reader.table().set_granted_through(2);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 2048);
  CHECK(fixture.present(3) == Numbers{2});
  reader.table().set_granted_through(UINT64_MAX);  // a lie is worth no more than the truth
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
}

TEST_CASE("one client's grants are nothing that another could take up") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  TestClient liar = fixture.client();
  const SlotIndex slot = fixture.put(1, 1000);
  fixture.store.usage().hold(slot);
  static_cast<void>(fixture.store.usage().grant(reader.id(), {slot}));
  liar.table().set_granted_through(UINT64_MAX);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
}

TEST_CASE("a granted object that is removed stays readable until the grant is taken up") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  const SlotIndex slot = fixture.put(1, 1000);
  fixture.store.usage().hold(slot);
  const std::uint64_t number = fixture.store.usage().grant(reader.id(), {slot});
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  CHECK(fixture.store.stats(fixture.now).retired_count == 1);
  CHECK(reader.holder().hold(id_of(1)).verdict == Holder::Verdict::absent);
  reader.table().set_granted_through(number);
  CHECK(fixture.store.stats(fixture.now).retired_count == 0);
}

TEST_CASE("references of any client keep an object, and go with their client") {
  StoreFixture fixture;
  TestClient a = fixture.client();
  TestClient b = fixture.client();
  fixture.put(1, 1000);
  const Held of_a = a.hold(id_of(1));
  b.hold(id_of(1));
  a.release(of_a);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
  CHECK(fixture.store.report().metadata(id_of(1), {fixture.now, {}}).value().ref_count == 1);
  fixture.store.detach(b.id(), fixture.now);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
}

TEST_CASE("references to slots that nobody should hold harm nothing but their own slot") {
  StoreFixture fixture({.capacity = kMiB, .max_objects = 64});
  TestClient liar = fixture.client();
  for (SlotIndex slot = 0; slot < 64; ++slot) liar.table().add_reference(slot);  // free ones and all
  CHECK(fixture.store.stats(fixture.now).in_use_count == 0);
  fixture.fill(3, 1000);
  REQUIRE(fixture.create(10, 1000).has_value());
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
  CHECK(fixture.store.stats(fixture.now).in_use_count == 3);
  const ClientInfo info = fixture.store.report().client_info(liar.id(), fixture.now);
  CHECK(info.references == 3);
  CHECK(info.bytes_held == 3072);
  REQUIRE(fixture.store.abort(fixture.writer, id_of(10)).has_value());
  CHECK(fixture.store.stats(fixture.now).unsealed_bytes == 0);
  fixture.store.check_invariants();
  fixture.store.detach(liar.id(), fixture.now);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 3072);
}

TEST_CASE("recency is the latest of all clients' accesses") {
  StoreFixture fixture(kLeastRecentFirst);
  TestClient a = fixture.client();
  TestClient b = fixture.client();
  fixture.fill(16, kSixteenth);
  a.touch(id_of(0), fixture.now += 10);
  b.touch(id_of(1), fixture.now += 10);
  a.touch(id_of(0), fixture.now += 10);
  CHECK(gone_for_one_more(fixture, 16) == Numbers{2});
  for (std::uint64_t n = 3; n < 16; ++n) CHECK(gone_for_one_more(fixture, n + 14) == Numbers{n});
  CHECK(gone_for_one_more(fixture, 30) == Numbers{1});
  CHECK(gone_for_one_more(fixture, 31) == Numbers{0});
}

TEST_CASE("an access in the future counts as one now, not for ever") {
  StoreFixture fixture(kLeastRecentFirst);
  TestClient liar = fixture.client();
  fixture.fill(16, kSixteenth);
  liar.touch(id_of(0), kNever - 1);
  CHECK(gone_for_one_more(fixture, 16) == Numbers{1});
  CHECK(fixture.store.report()
            .metadata(id_of(0), {fixture.now, std::chrono::system_clock::time_point(seconds(5000))})
            .value()
            .last_accessed <= std::chrono::system_clock::time_point(seconds(5000)));
}

TEST_CASE("what a client that is gone had accessed does not become cold") {
  StoreFixture fixture(kLeastRecentFirst);
  TestClient reader = fixture.client();
  fixture.fill(16, kSixteenth);
  fixture.now += kSecond;
  for (const std::uint64_t n : {0U, 1U}) reader.touch(id_of(n), ++fixture.now);
  fixture.store.detach(reader.id(), fixture.now);
  fixture.store.check_invariants();
  CHECK(gone_for_one_more(fixture, 16) == Numbers{2});
}

TEST_CASE("hits of a client that is gone still count for lfu, in either order of eviction and death") {
  StoreFixture fixture({.capacity = kMiB, .eviction_policy = EvictionPolicy::lfu});
  TestClient gone = fixture.client();
  TestClient stays = fixture.client();
  fixture.fill(16, kSixteenth);
  for (int hit = 0; hit < 3; ++hit) gone.touch(id_of(0), fixture.now);
  for (std::uint64_t n = 1; n < 16; ++n)
    for (int hit = 0; hit < (n == 1 ? 1 : 2); ++hit) stays.touch(id_of(n), fixture.now);
  fixture.store.detach(gone.id(), fixture.now);
  CHECK(fixture.store.stats(fixture.now).hit_count == 3 + 1 + 2 * 14);
  CHECK(gone_for_one_more(fixture, 16) == Numbers{1});
  for (int hit = 0; hit < 5; ++hit) stays.touch(id_of(16), fixture.now);
  for (std::uint64_t n = 2; n < 16; ++n) {
    CHECK(gone_for_one_more(fixture, n + 100) == Numbers{n});
    for (int hit = 0; hit < 5; ++hit) stays.touch(id_of(n + 100), fixture.now);
  }
  CHECK(gone_for_one_more(fixture, 200) == Numbers{0});
}

TEST_CASE("a client that had used, or held, very much goes by and by, and nothing is seen of it but that") {
  constexpr std::uint32_t kMany = 3 * Store::kPiecesAtOnce * Room::kPagesPerPiece * PinTableGeometry::kEntriesPerPage;
  const EvictionPolicy policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu);
  StoreFixture fixture({.capacity = kMany * 64ULL, .max_objects = kMany, .eviction_policy = policy});
  fixture.fill(kMany, 64);
  TestClient gone = fixture.client();
  TestClient stays = fixture.client();
  const auto accessed = [&](std::uint64_t number) {
    const std::chrono::system_clock::time_point wall{std::chrono::nanoseconds(fixture.now)};
    return fixture.store.report().metadata(id_of(number), {fixture.now, wall}).value().last_accessed;
  };
  fixture.now += kSecond;
  for (std::uint64_t n = 1; n < kMany; ++n) gone.touch(id_of(n), fixture.now += 10);
  stays.touch(id_of(kMany - 1), fixture.now += 10);
  const auto last = accessed(kMany - 2);
  fixture.store.detach(gone.id(), fixture.now);
  REQUIRE(fixture.store.room().wants_tidying());
  fixture.store.check_invariants();
  CHECK(accessed(kMany - 2) == last);
  CHECK(gone_for_one_more(fixture, kMany, 64) == Numbers{0});
  while (fixture.store.room().wants_tidying()) {
    fixture.store.room().tidy();
    fixture.store.check_invariants();
  }
  CHECK(accessed(kMany - 2) == last);
  CHECK(fixture.store.stats(fixture.now).hit_count == kMany);
  fixture.store.pin(fixture.writer, id_of(kMany), fixture.now).value();  // without hits lfu would take it next
  CHECK(gone_for_one_more(fixture, kMany + 1, 64) == Numbers{1});
}

TEST_CASE("what was removed while a client held it is free soon after it is gone, however much that was") {
  constexpr std::uint32_t kMany = 2 * Store::kPiecesAtOnce * static_cast<std::uint32_t>(Room::kSweepForRoom);
  StoreFixture fixture({.capacity = kMany * 64ULL, .max_objects = kMany});
  fixture.fill(kMany, 64);
  TestClient gone = fixture.client();
  for (std::uint64_t n = 0; n < kMany; ++n) static_cast<void>(gone.hold(id_of(n)));
  fixture.store.clear(fixture.now);
  REQUIRE(fixture.store.stats(fixture.now).used_bytes == kMany * 64ULL);
  fixture.store.detach(gone.id(), fixture.now);
  REQUIRE(fixture.store.room().wants_tidying());
  while (fixture.store.room().wants_tidying()) fixture.store.room().tidy();
  CHECK(fixture.store.stats(fixture.now).used_bytes == 0);
}

TEST_CASE("the pin flag is the object's own: it outlives the client that set it") {
  StoreFixture fixture;
  const ClientId pinner = fixture.attach(2000);
  fixture.put(1, 1000);
  REQUIRE(fixture.store.pin(pinner, id_of(1), fixture.now).has_value());
  fixture.store.detach(pinner, fixture.now);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
  REQUIRE(fixture.store.unpin(id_of(1), fixture.now).has_value());
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 1024);
}

TEST_CASE("pin quotas are each user's own, whoever unpins") {
  StoreFixture fixture({.capacity = kMiB, .max_pinned_bytes_per_user = 1024});
  const ClientId a = fixture.attach(1);
  const ClientId b = fixture.attach(2);
  fixture.fill(4, 1000);
  CHECK(outcome(fixture.store.pin(a, id_of(0), fixture.now)) == "ok");
  CHECK(outcome(fixture.store.pin(a, id_of(1), fixture.now)) == "out_of_memory");
  CHECK(outcome(fixture.store.pin(b, id_of(1), fixture.now)) == "ok");
  CHECK(outcome(fixture.store.pin(b, id_of(0), fixture.now)) == "ok");  // it is, on a's account
  REQUIRE(fixture.store.unpin(id_of(0), fixture.now).has_value());
  CHECK(outcome(fixture.store.pin(b, id_of(2), fixture.now)) == "out_of_memory");
  CHECK(outcome(fixture.store.pin(a, id_of(2), fixture.now)) == "ok");
  fixture.store.check_invariants();
}

TEST_CASE("time to live ends at its moment, time to idle moves with each access") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  fixture.put({.id = id_of(1), .data_size = 10, .lifetimes = {.to_live = seconds(10)}});
  const TimeNs sealed = fixture.now;
  CHECK(fixture.store.next_expiry() == sealed + 10 * kSecond);
  fixture.put({.id = id_of(2), .data_size = 10, .lifetimes = {.to_idle = seconds(10)}});
  for (int second = 1; second < 10; ++second) {
    reader.touch(id_of(1), sealed + static_cast<TimeNs>(second) * kSecond);
    reader.touch(id_of(2), sealed + static_cast<TimeNs>(second) * kSecond);
  }
  fixture.store.expire(sealed + 10 * kSecond - 1);
  CHECK(fixture.present(3) == Numbers{1, 2});
  fixture.store.expire(sealed + 10 * kSecond);
  CHECK(fixture.present(3) == Numbers{2});
  fixture.store.expire(sealed + 11 * kSecond);
  CHECK(fixture.present(3) == Numbers{2});
  CHECK(fixture.store.next_expiry() == sealed + 19 * kSecond);
  fixture.store.expire(sealed + 19 * kSecond);
  CHECK(fixture.present(3).empty());
  CHECK(fixture.store.next_expiry() == kNever);
  CHECK(fixture.store.stats(fixture.now).expired_count == 2);
}

TEST_CASE("what is held is not idle; what is held past its time to live is invisible, but kept") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  fixture.put({.id = id_of(1), .data_size = 10, .lifetimes = {.to_idle = seconds(1)}});
  fixture.put({.id = id_of(2), .data_size = 10, .lifetimes = {.to_live = seconds(1)}});
  const Held idle = reader.get(id_of(1), fixture.now);
  const Held live = reader.get(id_of(2), fixture.now);
  const TimeNs later = fixture.now + 5 * kSecond;
  fixture.store.expire(later);
  CHECK(fixture.present(3) == Numbers{1});
  CHECK(fixture.store.stats(later).retired_count == 1);
  reader.release(idle);
  reader.release(live);
  CHECK(fixture.store.stats(later).retired_count == 0);
  fixture.store.expire(later + kSecond);
  CHECK(fixture.present(3).empty());
}

TEST_CASE("a pinned object does not expire, and does so after unpin when its time is over") {
  StoreFixture fixture;
  fixture.put({.id = id_of(1), .data_size = 10, .pinned = true, .lifetimes = {.to_live = seconds(1)}});
  const TimeNs later = fixture.now + 5 * kSecond;
  fixture.store.expire(later);
  CHECK(fixture.exists(1));
  REQUIRE(fixture.store.unpin(id_of(1), later).has_value());
  CHECK(fixture.store.next_expiry() <= later);
  fixture.store.expire(later);
  CHECK_FALSE(fixture.exists(1));
}

TEST_CASE("room that was made is said once") {
  StoreFixture fixture;
  fixture.put(1, 10);
  static_cast<void>(fixture.store.room().take_room_made());
  CHECK_FALSE(fixture.store.room().take_room_made());
  REQUIRE(fixture.store.pin(fixture.writer, id_of(1), fixture.now).has_value());
  CHECK_FALSE(fixture.store.room().take_room_made());
  REQUIRE(fixture.store.unpin(id_of(1), fixture.now).has_value());
  CHECK(fixture.store.room().take_room_made());
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  CHECK(fixture.store.room().take_room_made());
  CHECK_FALSE(fixture.store.room().take_room_made());
}

TEST_CASE("nothing is evicted for its slot when there would be no room for the bytes") {
  StoreFixture fixture({.capacity = kMiB, .max_objects = 5});
  TestClient reader = fixture.client();
  fixture.fill(4, kMiB / 4 - 64);  // four large ones, held, and a little one in what they leave
  for (std::uint64_t n = 0; n < 4; ++n) reader.hold(id_of(n));
  fixture.put(4, 64);
  CHECK(outcome(fixture.create(10, 1000)) == "out_of_memory");
  CHECK(fixture.present(5).size() == 5);
  CHECK(outcome(fixture.create(10, 64)) == "ok");
  CHECK_FALSE(fixture.exists(4));
}

TEST_CASE("a sweep of everything frees every retired object that is not in use, wherever the last sweep ended") {
  constexpr std::uint64_t kReleased = 32;  // as many as a create looks at
  constexpr std::uint64_t kRetired = 40;
  StoreFixture fixture;
  TestClient reader = fixture.client();
  std::vector<Held> references;
  for (std::uint64_t number = 0; number < kRetired; ++number) {
    fixture.put(number, 1000);
    references.push_back(reader.get(id_of(number), fixture.now));
  }
  for (std::uint64_t number = 0; number < kRetired; ++number)
    REQUIRE(fixture.store.remove(id_of(number), fixture.now).value());
  fixture.put(kRetired, 1000);  // looks at the first 32 in vain
  for (std::uint64_t number = 0; number < kReleased; ++number) reader.release(references[number]);
  CHECK(fixture.store.stats(fixture.now).retired_count == kRetired - kReleased);
}
