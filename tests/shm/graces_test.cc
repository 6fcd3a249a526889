// Graces: a sealed object is kept until readers have got it or until its time has passed, whoever ends meanwhile; its
// bytes count against its user's quota, once; and nothing that is over is kept.

#include "shm/store/graces.h"

#include <catch2/catch.hpp>

#include "tests/shm/crash_points.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kKept = 1;  // the number of the object in a grace

NewObject graced(std::uint64_t number, std::uint64_t size, const Grace& grace) {
  return {.id = id_of(number), .data_size = size, .grace = grace};
}

/// A store that holds four objects, and the object of a grace among them.
struct GraceFixture : StoreFixture {
  explicit GraceFixture(const Grace& grace = {.duration = seconds(10)}, const StoreConfig& config = kLeastRecentFirst)
      : StoreFixture(config) {
    put(graced(kKept, kQuarter, grace));
    sealed = now;
  }

  /// Puts eight objects, for which all that may go must go.
  void refill() {
    for (int i = 0; i < 8; ++i) put(++last, kQuarter);
  }
  [[nodiscard]] bool survives() {
    refill();
    return exists(kKept);
  }
  [[nodiscard]] ObjectMetadata about() { return store.report().metadata(id_of(kKept), {now, {}}).value(); }
  Result<void> extend(const Grace& grace, ClientId giver) {
    return store.extend_grace(giver, id_of(kKept), grace, now);
  }

  TimeNs sealed = 0;
  std::uint64_t last = 100;
};

}  // namespace

TEST_CASE("an object in a grace stays until another session has got it, however cold it is") {
  GraceFixture fixture;
  CHECK(fixture.survives());
  TestClient writer(fixture.store, fixture.writer);
  writer.touch(id_of(kKept), ++fixture.now);  // its own get
  CHECK(fixture.survives());
  CHECK(fixture.about().grace_readers_left == 1);
  TestClient reader = fixture.client();
  const Held held = reader.get(id_of(kKept), ++fixture.now);
  CHECK(fixture.about().grace_left == milliseconds(0));
  CHECK(fixture.survives());  // held
  reader.release(held);
  CHECK_FALSE(fixture.survives());
  CHECK(fixture.store.stats(fixture.now).graced_count == 0);
}

TEST_CASE("a grace ends when its time has passed, to the nanosecond, and not before") {
  GraceFixture fixture;
  const TimeNs end = fixture.sealed + 10 * kSecond;
  CHECK(fixture.store.next_expiry() == end);
  fixture.now = end - 10;  // refill() takes eight
  CHECK(fixture.survives());
  fixture.now = end;
  fixture.store.expire(end);
  CHECK(fixture.store.next_expiry() == kNever);
  CHECK_FALSE(fixture.survives());
}

TEST_CASE("a refusal says how much is kept by graces, and when the first and the last of them end") {
  StoreFixture fixture;
  fixture.put(graced(kKept, kMiB / 2, {.duration = seconds(10)}));
  fixture.put(graced(kKept + 1, kQuarter, {.duration = seconds(60)}));
  fixture.now += 4 * kSecond;
  const Result<Placement> refused = fixture.create(3, kMiB / 2);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK_THAT(refused.error().message,
             Catch::Contains("768 KiB are kept by graces, of which the first ends in 6 s, the last in 56 s, or when "
                             "readers have got the objects"));
  fixture.now += 6 * kSecond;  // the first is over, whether the store has noticed or not
  const Result<Placement> again = fixture.create(3, kMiB);
  CHECK_THAT(again.error().message, Catch::Contains("256 KiB are kept by graces, of which the first ends in 50 s"));
}

TEST_CASE("a refusal for want of rows says when graces end") {
  StoreFixture fixture({.capacity = kMiB, .max_objects = 2});
  fixture.put(graced(kKept, 100, {.duration = seconds(10)}));
  fixture.put(graced(kKept + 1, 100, {.duration = seconds(20)}));
  const Result<Placement> refused = fixture.create(3, 100);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK_THAT(refused.error().message, Catch::Contains("the first ends in 10 s, the last in 20 s"));
}

TEST_CASE("a create that waits for room gets it when a grace ends") {
  StoreFixture fixture;
  fixture.put(graced(kKept, kMiB, {.duration = seconds(10)}));
  const TimeNs end = fixture.now + 10 * kSecond;
  Engine engine(std::move(fixture.owned));
  bool placed = false;
  engine.creates().add({fixture.writer, 1}, {.id = id_of(2), .data_size = kQuarter}, kNever, fixture.now,
                       [&placed](const Result<Placement>& got) { placed = got.has_value(); });
  engine.tick(end - 1);
  CHECK_FALSE(placed);
  CHECK(engine.next_deadline() <= end);
  engine.tick(end);
  CHECK(placed);
}

TEST_CASE("a grace for two readers counts sessions, not gets, and counts those that have ended") {
  const bool folded = GENERATE(true, false);
  GraceFixture fixture({.duration = seconds(10), .readers = 2});
  TestClient first = fixture.client();
  first.touch(id_of(kKept), ++fixture.now);
  first.touch(id_of(kKept), ++fixture.now);
  CHECK(fixture.survives());
  CHECK(fixture.about().grace_readers_left == 1);
  const ClientId bystander = fixture.attach();
  fixture.store.detach(first.id(), fixture.now);
  fixture.store.detach(bystander, fixture.now);
  for (; folded && fixture.store.room().wants_tidying();) fixture.store.room().tidy();
  CHECK(fixture.about().grace_readers_left == 1);
  CHECK(fixture.survives());
  TestClient second = fixture.client();
  second.touch(id_of(kKept), ++fixture.now);
  CHECK_FALSE(fixture.survives());
}

TEST_CASE("the last reader of a grace ends it, even if it left before anybody looked") {
  GraceFixture fixture;
  const TestClient reader = [&] {
    TestClient got = fixture.client();
    got.touch(id_of(kKept), ++fixture.now);
    return got;
  }();
  fixture.store.detach(reader.id(), fixture.now);
  while (fixture.store.room().wants_tidying()) fixture.store.room().tidy();
  CHECK(fixture.store.stats(fixture.now).graced_count == 0);
  CHECK_FALSE(fixture.survives());
}

TEST_CASE("a grace outlives the session that gave it") {
  GraceFixture fixture;
  fixture.writer = fixture.attach();
  for (const ClientId id : {ClientId{1}}) fixture.store.detach(id, fixture.now);
  CHECK(fixture.survives());
  TestClient reader = fixture.client();
  reader.touch(id_of(kKept), ++fixture.now);
  CHECK_FALSE(fixture.survives());
}

TEST_CASE("removal, clear and expiry end an object in a grace") {
  GraceFixture fixture({.duration = seconds(10)}, {.capacity = kMiB, .max_pinned_bytes_per_user = kMiB});
  SECTION("remove") {
    CHECK(fixture.store.remove(id_of(kKept), fixture.now).value());
  }
  SECTION("clear") {
    fixture.store.clear(fixture.now);
  }
  SECTION("time to live") {
    NewObject mortal = graced(2, 100, {.duration = seconds(10)});
    mortal.lifetimes.to_live = milliseconds(1);
    fixture.put(mortal);
    CHECK(fixture.store.remove(id_of(kKept), fixture.now).value());
    fixture.store.expire(fixture.now + kSecond);
    CHECK_FALSE(fixture.exists(2));
  }
  CHECK_FALSE(fixture.exists(kKept));
  CHECK(fixture.store.stats(fixture.now).graced_bytes == 0);
  CHECK(fixture.store.stats(fixture.now).used_bytes == 0);
  // Nothing counts any more against the quota.
  fixture.put({.id = id_of(3), .data_size = kMiB, .pinned = true});
}

TEST_CASE("an object that is aborted has no grace any more") {
  StoreFixture fixture({.capacity = kMiB, .max_pinned_bytes_per_user = kQuarter});
  const NewObject object = graced(1, kQuarter, {.duration = seconds(10)});
  REQUIRE(fixture.store.create_object(fixture.writer, object, fixture.now));
  CHECK(fixture.store.report().metadata(object.id, {fixture.now, {}}).value().grace_left == seconds(10));
  CHECK(outcome(fixture.store.create_object(fixture.writer, graced(2, 64, {.duration = seconds(1)}), fixture.now)) ==
        "out_of_memory");
  REQUIRE(fixture.store.abort(fixture.writer, object.id));
  REQUIRE(fixture.store.create_object(fixture.writer, object, fixture.now));
  REQUIRE(fixture.store.writing().abort_and_keep(fixture.writer, object.id));
  REQUIRE(fixture.store.create_object(fixture.writer, object, fixture.now));
}

TEST_CASE("bytes in a grace count with the pinned ones of their user, and once") {
  GraceFixture fixture({.duration = seconds(10)}, {.capacity = kMiB, .max_pinned_bytes_per_user = kQuarter});
  const Result<Placement> refused =
      fixture.store.create_object(fixture.writer, {.id = id_of(2), .data_size = 64, .pinned = true}, fixture.now);
  CHECK_THAT(refused.error().message, Catch::Contains("262144 bytes pinned") && Catch::Contains("in a grace"));
  CHECK(refused.error().cause == RefusalCause::pins);
  REQUIRE(fixture.store.pin(fixture.writer, id_of(kKept), fixture.now));  // counts once
  fixture.store.check_invariants();
  CHECK(fixture.store.stats(fixture.now).graced_count == 0);  // it is the pin that keeps it
  REQUIRE(fixture.store.unpin(id_of(kKept), fixture.now));
  fixture.store.check_invariants();
  CHECK(fixture.store.stats(fixture.now).graced_bytes == kQuarter);
  // Another user has a quota of its own, and takes over what it extends.
  const ClientId other = fixture.attach(2000);
  REQUIRE(fixture.extend({.duration = seconds(1)}, other));
  fixture.store.check_invariants();
  fixture.put({.id = id_of(2), .data_size = 64, .pinned = true});
  CHECK(outcome(fixture.store.pin(other, id_of(2), fixture.now)) == "ok");  // it is pinned, by its creator
  fixture.put(3, 64);
  CHECK(outcome(fixture.store.pin(other, id_of(3), fixture.now)) == "out_of_memory");
}

TEST_CASE("a user is not refused for graces that are over, although nobody noticed yet") {
  GraceFixture fixture({.duration = seconds(10)}, {.capacity = kMiB, .max_pinned_bytes_per_user = kQuarter});
  const NewObject next = graced(2, kQuarter, {.duration = seconds(10)});
  CHECK(outcome(fixture.store.create_object(fixture.writer, next, fixture.now)) == "out_of_memory");
  SECTION("by a reader") {
    TestClient reader = fixture.client();
    reader.touch(id_of(kKept), ++fixture.now);
  }
  SECTION("by time") {
    fixture.now = fixture.sealed + 10 * kSecond;
  }
  CHECK(outcome(fixture.store.create_object(fixture.writer, next, fixture.now)) == "ok");
}

TEST_CASE("gets before a grace was given do not end it") {
  StoreFixture fixture;
  fixture.put(kKept, kQuarter);
  TestClient reader = fixture.client();
  TestClient giver = fixture.client();
  reader.touch(id_of(kKept), ++fixture.now);
  REQUIRE(fixture.store.extend_grace(giver.id(), id_of(kKept), {.duration = seconds(10)}, ++fixture.now));
  giver.touch(id_of(kKept), ++fixture.now);
  for (std::uint64_t number = 20; number < 30; ++number) fixture.put(number, kQuarter);
  CHECK(fixture.exists(kKept));
  TestClient creator(fixture.store, fixture.writer);  // another session than the one that gave it
  creator.touch(id_of(kKept), ++fixture.now);
  for (std::uint64_t number = 30; number < 40; ++number) fixture.put(number, kQuarter);
  CHECK_FALSE(fixture.exists(kKept));
}

TEST_CASE("an extension never shortens a grace, in time or in readers") {
  GraceFixture fixture({.duration = seconds(10), .readers = 2});
  REQUIRE(fixture.extend({.duration = seconds(1)}, fixture.writer));
  CHECK(fixture.about().grace_left == seconds(10));
  CHECK(fixture.about().grace_readers_left == 2);
  TestClient reader = fixture.client();
  reader.touch(id_of(kKept), ++fixture.now);
  REQUIRE(fixture.extend({.duration = seconds(60)}, fixture.writer));
  CHECK(fixture.about().grace_left == seconds(60));
  CHECK(fixture.about().grace_readers_left == 1);
  REQUIRE(fixture.extend({.duration = seconds(1), .readers = 3}, fixture.writer));
  CHECK(fixture.about().grace_left == seconds(60));
  CHECK(fixture.about().grace_readers_left == 3);
  fixture.now = fixture.sealed + 59 * kSecond;
  fixture.store.expire(fixture.now);  // the time that it had first is over
  CHECK(fixture.survives());
  fixture.now += 2 * kSecond;
  fixture.store.expire(fixture.now);
  CHECK_FALSE(fixture.survives());
}

TEST_CASE("a grace that is over can be given again") {
  GraceFixture fixture;
  TestClient reader = fixture.client();
  reader.touch(id_of(kKept), ++fixture.now);
  REQUIRE(fixture.extend({.duration = seconds(5)}, fixture.writer));
  CHECK(fixture.about().grace_left == seconds(5));
  CHECK(fixture.survives());
  reader.touch(id_of(kKept), ++fixture.now);
  CHECK_FALSE(fixture.survives());
}

TEST_CASE("graces that make no sense are refused in words") {
  GraceFixture fixture;
  const auto why = [&](const Grace& grace) { return fixture.extend(grace, fixture.writer).error().message; };
  CHECK_THAT(why({.duration = seconds(-1)}), Catch::Contains("negative grace"));
  CHECK_THAT(why({.duration = seconds(3601)}), Catch::Contains("a grace of 3601 s; one hour is the limit"));
  CHECK_THAT(why({.duration = seconds(1), .readers = 0}), Catch::Contains("a grace for 0 readers"));
  CHECK_THAT(why({}), Catch::Contains("cannot be extended by 0"));
  CHECK(outcome(fixture.extend({.duration = seconds(3600)}, fixture.writer)) == "ok");
  CHECK(outcome(fixture.store.extend_grace(fixture.writer, id_of(77), {.duration = seconds(1)}, fixture.now)) ==
        "not_found");
  REQUIRE(fixture.create(78, 10));
  CHECK(outcome(fixture.store.extend_grace(fixture.writer, id_of(78), {.duration = seconds(1)}, fixture.now)) ==
        "not_sealed");
  CHECK(outcome(fixture.store.create_object(fixture.writer, graced(79, 10, {.duration = seconds(-1)}), fixture.now)) ==
        "invalid_argument");
  CHECK_THAT(check_grace(id_of(1), {.duration = {}, .readers = 2}).error().message, Catch::Contains("but no grace"));
}

TEST_CASE("a late get of the object that was in the slot before ends no grace") {
  StoreFixture fixture;
  TestClient reader = fixture.client();
  const SlotIndex slot = fixture.put(1, kQuarter);
  // The server's time was read before the client's.
  reader.touch(id_of(1), fixture.now + 1000);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  REQUIRE(fixture.put(graced(2, kQuarter, {.duration = seconds(10)})) == slot);
  CHECK(fixture.store.stats(fixture.now).graced_count == 1);
  reader.touch(id_of(2), fixture.now + 2000);
  CHECK(fixture.store.stats(fixture.now).graced_count == 0);
}

TEST_CASE("in a store of one session, its own get ends a grace") {
  GraceFixture fixture({.duration = seconds(10), .own_gets = true});
  CHECK(fixture.survives());
  TestClient writer(fixture.store, fixture.writer);
  writer.touch(id_of(kKept), ++fixture.now);
  CHECK_FALSE(fixture.survives());
}

TEST_CASE("reports and refusals name what a grace keeps") {
  const bool relocation = GENERATE(true, false);
  GraceFixture fixture({.duration = seconds(10), .readers = 3}, {.capacity = kMiB, .relocation = relocation});
  CHECK(fixture.about().grace_left == seconds(10));
  CHECK(fixture.about().grace_readers_left == 3);
  const StoreStats stats = fixture.store.stats(fixture.now);
  CHECK(stats.graced_count == 1);
  CHECK(stats.graced_bytes == kQuarter);
  CHECK(stats.evictable_bytes == 0);
  CHECK(stats.obstacles.movable_bytes == (relocation ? kQuarter : 0));
  CHECK(stats.obstacles.graced_bytes == (relocation ? 0 : kQuarter));
  const ClientInfo writer = fixture.store.report().client_info(fixture.writer, fixture.now);
  CHECK(writer.graced_count == 1);
  CHECK(writer.graced_bytes == kQuarter);
  CHECK(fixture.store.report().client_info(fixture.attach(), fixture.now).graced_count == 0);
  const Result<Placement> refused = fixture.create(2, kMiB);
  CHECK_THAT(refused.error().message, Catch::Contains("256 KiB in a grace"));
  CHECK_THAT(refused.error().message, Catch::Contains(relocation ? "256 KiB are pinned or in a grace, and can only"
                                                                 : "256 KiB kept for readers by a grace"));
}

TEST_CASE("an object in a grace is moved out of the way of a create") {
  StoreFixture fixture;
  fixture.put(1, 3 * kMiB / 8);
  fixture.put(graced(kKept + 1, kQuarter, {.duration = seconds(10)}));
  fixture.put(3, 3 * kMiB / 8);
  REQUIRE(fixture.create(4, 3 * kMiB / 4));
  CHECK(fixture.exists(kKept + 1));
  CHECK_FALSE(fixture.exists(1));
}

TEST_CASE("an object that was cut off a lease has its grace") {
  StoreFixture fixture;
  const Placement lease = fixture.store.leases().lease(fixture.writer, id_of(50), 128, fixture.now).value();
  for (std::uint64_t number = 1; number <= 2; ++number)  // the last one takes what is left
    REQUIRE(fixture.store.leases().put(fixture.writer, lease.slot, graced(number, 64, {.duration = seconds(10)}),
                                       fixture.now));
  fixture.store.check_invariants();
  for (std::uint64_t number = 10; number < 20; ++number) fixture.put(number, kQuarter);
  CHECK(fixture.present(3) == std::vector<std::uint64_t>{1, 2});
  CHECK(fixture.store.stats(fixture.now).graced_count == 2);
}

TEST_CASE("a grace goes on with the next server, for the readers and the time that it has left") {
  GraceFixture fixture({.duration = seconds(10), .readers = 3});
  TestClient gone = fixture.client();
  TestClient reader = fixture.client();
  gone.touch(id_of(kKept), ++fixture.now);
  reader.touch(id_of(kKept), ++fixture.now);
  fixture.store.detach(gone.id(), fixture.now);
  while (fixture.store.room().wants_tidying()) fixture.store.room().tidy();
  const auto next = recovered(fixture.store, image_of(fixture.store), {fixture.writer, reader.id()}, fixture.now);
  next->check_invariants();
  const ObjectMetadata about = next->report().metadata(id_of(kKept), {fixture.now, {}}).value();
  CHECK(about.grace_readers_left == 1);
  CHECK(about.grace_left > seconds(9));
  CHECK(next->next_expiry() == fixture.sealed + 10 * kSecond);
  CHECK(next->stats(fixture.now).graced_bytes == kQuarter);
  CHECK(next->room().evict(kMiB, fixture.now) == 0);
  CHECK(next->room().evict(kMiB, fixture.sealed + 10 * kSecond) == kQuarter);
}
