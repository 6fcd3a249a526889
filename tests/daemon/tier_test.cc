#include "daemon/tier/tier.h"

#include <catch2/catch.hpp>
#include <random>

#include "shm/os/monotonic_clock.h"
#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

namespace {

constexpr std::uint64_t kCapacityOfSmall = 512 * kKiB;

}  // namespace

TEST_CASE("the spill tier's token must be that of the keeper") {
  TierFixture fixture(0.25);
  CHECK(fixture.tier->is_token({1, 2}));
  CHECK_FALSE(fixture.tier->is_token({1, 3}));
  CHECK_FALSE(fixture.tier->is_token({2, 1}));
  Tier none(fixture.engine, {}, {}, {});
  CHECK_FALSE(none.is_token({0, 0}));  // a server without a token has no spill process
  fixture.make_tier();
}

TEST_CASE("a second spill process is refused while the first lives") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  FakeSpiller second(fixture.engine);
  const auto refused = second.connect(*fixture.tier, fixture.moment());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::already_exists);
  fixture.spiller.end(*fixture.tier, fixture.moment());
  CHECK_FALSE(second.connect(*fixture.tier, fixture.moment(), 78));  // another directory
  CHECK(second.connect(*fixture.tier, fixture.moment()));
}

TEST_CASE("dirty objects are written ahead, and make room without being lost") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 40; ++number) {
    while (!fixture.try_keep(number, 16 * kKiB)) fixture.run(1);
    fixture.run(1);
  }
  CHECK(fixture.store.spill().spilled().count >= 24);
  CHECK(fixture.store.stats(fixture.now).total_objects == 40);
  for (std::uint64_t number = 0; number < 40; ++number) {
    const std::string& answer = fixture.get({number});
    fixture.run();
    CHECK(answer == "+");
  }
}

TEST_CASE("small objects are written ahead many at a time") {
  TierFixture fixture(0.25, kCapacityOfSmall, 1024);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 500; ++number) {
    fixture.keep(number, kKiB);
    fixture.turn();
    fixture.spiller.work(*fixture.tier, fixture.now);
  }
  const std::uint64_t written = fixture.spiller.disk.size();
  CHECK(written >= 110);
  // Each time a step of an eighth of the 128 KiB that are written ahead, less what has room already.
  CHECK(fixture.spiller.notices_of_writes <= written / 8);
}

TEST_CASE("an answer of the disk is followed by the next writes at once") {
  TierFixture fixture(1);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 12; ++number) fixture.keep(number, 16 * kKiB);
  for (int turns = 0; turns < 12; ++turns) {  // 12 ms: less than a pause. No more than two objects are under way
    fixture.turn();
    fixture.spiller.work(*fixture.tier, fixture.now);
  }
  CHECK(fixture.store.spill().dirty().count == 0);
}

TEST_CASE("a spill process that does not read gets no more work, and is seen to stall") {
  TierFixture fixture(1);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.keep(1, kKiB);
  fixture.turn();
  REQUIRE(fixture.tier->writing_count() == 1);
  const TimeNs asked = fixture.now;
  fixture.spiller.behind = true;
  fixture.keep(2, kKiB);
  fixture.turn();
  CHECK(fixture.tier->writing_count() == 1);
  CHECK(fixture.tier->next_deadline(fixture.now) == asked + Tier::kStalledAfter);
  fixture.now = asked + Tier::kStalledAfter;
  fixture.turn();
  CHECK(fixture.tier->state() == Tier::State::stalled);
  fixture.spiller.behind = false;
  fixture.spiller.work(*fixture.tier, fixture.now);
  fixture.turn();
  CHECK(fixture.tier->state() == Tier::State::ready);
  CHECK(fixture.tier->writing_count() == 1);
}

TEST_CASE("of very many small objects a bounded number is written and dropped at a time") {
  constexpr std::uint32_t kObjects = Tier::kMaxWrites + 2000;
  TierFixture fixture(1, 64 * 1024 * kKiB, kObjects);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < kObjects; ++number) fixture.keep(number, 8);
  const auto plan = [&fixture](std::size_t turns) {
    for (std::size_t turn = 0; turn < turns; ++turn) fixture.tier->work(fixture.moment());
  };
  plan(kObjects / Tier::kMaxPerNotice + 10);
  CHECK(fixture.tier->writing_count() == Tier::kMaxWrites);
  fixture.spiller.work(*fixture.tier, fixture.now);
  plan(10);
  fixture.spiller.work(*fixture.tier, fixture.now);
  CHECK(fixture.store.spill().clean().count == kObjects);
  for (std::uint64_t number = 0; number < kObjects; ++number)
    REQUIRE(fixture.store.remove(id_of(number), fixture.now).value());
  plan(kObjects / Tier::kMaxPerNotice + 1);
  fixture.spiller.work(*fixture.tier, fixture.now);
  CHECK(fixture.spiller.disk.empty());
  CHECK(fixture.spiller.most_in_notice == Tier::kMaxPerNotice);
}

TEST_CASE("nothing is written as long as there is room") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 8; ++number) fixture.keep(number, 16 * kKiB);
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
}

TEST_CASE("a create that waits has what stands in its way written") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 4; ++number) fixture.keep(number, 50 * kKiB);
  std::string outcome;
  fixture.engine.creates().add({fixture.writer, 1}, {.id = id_of(9), .data_size = 200 * kKiB},
                               fixture.now + 100 * kSecond, fixture.now,
                               [&](const Result<shm::Placement>& placed) { outcome = placed ? "ok" : "refused"; });
  CHECK(outcome.empty());
  fixture.run();
  CHECK(outcome == "ok");
  CHECK(fixture.store.spill().spilled().count >= 3);
}

TEST_CASE("records whose objects were removed are dropped, also those under way") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  REQUIRE(fixture.spiller.disk.size() == 1);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now));
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
  for (std::uint64_t number = 2; number < 6; ++number) fixture.keep(number, 50 * kKiB);
  fixture.turn();
  REQUIRE(fixture.spiller.has_work());
  fixture.store.clear(fixture.now);
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
}

TEST_CASE("a damaged record is the end of its object, and a failing disk is not") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  SECTION("damaged") {
    fixture.spiller.damaged.push_back(fixture.spiller.disk.begin()->first);
    const std::string& answer = fixture.get({1});
    fixture.run();
    CHECK(answer == "-");
    CHECK(fixture.store.rows().find(id_of(1)) == shm::kNoSlot);
    CHECK(fixture.spiller.disk.empty());
  }
  SECTION("failing for a while") {
    fixture.spiller.broken = true;
    const std::string& answer = fixture.get({1});
    fixture.run(5);
    CHECK(answer.empty());
    CHECK(fixture.spilled(1));
    fixture.spiller.broken = false;
    fixture.run(20);
    CHECK(answer == "+");
  }
}

TEST_CASE("a spill process that dies loses nothing") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  const std::string& answer = fixture.get({1});
  fixture.turn();
  REQUIRE(fixture.spiller.has_work());
  fixture.spiller.end(*fixture.tier, fixture.moment());
  CHECK(fixture.store.spill().reading().empty());
  fixture.run(3);
  CHECK(answer.empty());
  CHECK(fixture.tier->state() == Tier::State::absent);
  SECTION("and another reads back") {
    REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
    fixture.run();
    CHECK(answer == "+");
  }
  SECTION("and what it should have read is refused after 30 s") {
    fixture.now += shm::GetWaits::kDiskPatience;
    fixture.turn();
    CHECK(answer == "tier_unavailable");
    CHECK(fixture.spilled(1));
  }
}

TEST_CASE("a stalled disk is seen, and gets no more work") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spill(2, 10 * kKiB);
  const std::string& first = fixture.get({1});
  fixture.turn();
  fixture.now += Tier::kStalledAfter;
  fixture.turn();
  CHECK(fixture.tier->state() == Tier::State::stalled);
  CHECK(first == "tier_unavailable");
  const std::string& second = fixture.get({2}, 100 * kSecond);
  fixture.turn();
  CHECK(fixture.tier->reading_count() == 1);
  fixture.spiller.work(*fixture.tier, fixture.now);  // the disk is there again
  CHECK(fixture.tier->state() == Tier::State::ready);
  fixture.run();
  CHECK(second == "+");
}

TEST_CASE("a full disk is read, and not written") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spiller.full = true;
  for (std::uint64_t number = 2; number < 6; ++number) fixture.keep(number, 50 * kKiB);
  fixture.run();
  CHECK(fixture.tier->state() == Tier::State::full);
  CHECK(fixture.store.spill().dirty().count == 4);
  const std::string& answer = fixture.get({1});
  fixture.run();
  CHECK(answer == "+");
  CHECK_FALSE(fixture.try_keep(7, 100 * kKiB));
  fixture.spiller.full = false;
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::ready);
  fixture.run();
  CHECK(fixture.store.spill().dirty().count < 4);
}

TEST_CASE("what is in memory is dirty again when the spill directory is gone, and is written again when it is back") {
  TierFixture tier(1);
  REQUIRE(tier.spiller.connect(*tier.tier, tier.moment()));
  tier.spill(1, 4 * kKiB);
  tier.keep(2, 4 * kKiB);
  tier.run(2);
  const std::uint64_t before = tier.spiller.disk.size();
  tier.keep(3, 4 * kKiB);
  tier.turn();  // its write is under way
  REQUIRE(tier.store.spill().clean().count == 1);
  tier.spiller.tell_phase(*tier.tier, protocol::TierPhase::failed, true);
  CHECK(tier.store.spill().clean().count == 0);
  CHECK(tier.store.spill().dirty().count == 2);
  tier.run(2);  // its answer counts for nothing
  CHECK(tier.store.spill().clean().count == 0);
  CHECK(tier.store.spill().dirty().count == 2);
  CHECK(tier.spilled(1));
  CHECK(tier.tier->next_deadline(tier.now) == shm::kNever);
  tier.spiller.tell_phase(*tier.tier, protocol::TierPhase::ready);
  tier.run(4);
  CHECK(tier.store.spill().clean().count == 2);
  CHECK(tier.spiller.disk.size() == before + 1);  // the old records are dropped
  CHECK(tier.get({1}).empty());
  tier.run(2);
  CHECK(*tier.answers.back() == "+");
}

TEST_CASE("a create that is larger than dirty objects may be is served when the disk takes objects again") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spiller.full = true;
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::full);
  fixture.turn();
  std::string outcome;
  fixture.engine.creates().add({fixture.writer, 1},
                               {.id = id_of(9), .data_size = 240 * kKiB, .retention = Retention::keep},
                               fixture.now + 100 * kSecond, fixture.now,
                               [&](const Result<shm::Placement>& placed) { outcome = placed ? "ok" : "refused"; });
  fixture.run(2);
  CHECK(outcome.empty());
  fixture.spiller.full = false;
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::ready);
  fixture.turn();
  CHECK(
      (!outcome.empty() || fixture.tier->next_deadline(fixture.now) == fixture.now));  // nothing else wakes the server
  fixture.turn();
  CHECK(outcome == "ok");
}

TEST_CASE("a pinned object that was written lets another one be dirty") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.keep(1, 150 * kKiB);
  REQUIRE(fixture.store.pin(fixture.writer, id_of(1), fixture.now));
  std::string outcome;
  fixture.engine.creates().add({fixture.writer, 1},
                               {.id = id_of(9), .data_size = 90 * kKiB, .retention = Retention::keep},
                               fixture.now + 1000 * kSecond, fixture.now,
                               [&](const Result<shm::Placement>& placed) { outcome = placed ? "ok" : "refused"; });
  CHECK(outcome.empty());
  fixture.run();
  CHECK(outcome == "ok");
}

TEST_CASE("a new store makes its objects of the records, without those that have expired") {
  TierFixture first(1.0);
  REQUIRE(first.spiller.connect(*first.tier, first.moment()));
  first.spill(1, 10 * kKiB);
  first.spill(2, 20 * kKiB);
  TierFixture next(1.0);
  CHECK_FALSE(next.tier->has_catalogue());
  next.spiller.disk = first.spiller.disk;
  auto& expired = next.spiller.disk.rbegin()->second.head;
  expired = {expired.location(), 2, 0, {}, 1, 1000, 0, expired.data_size(), 0, 0, 0, expired.id(), 0, 0};
  REQUIRE(next.spiller.connect(*next.tier, next.moment()));
  CHECK(next.tier->has_catalogue());
  CHECK(next.spiller.disk.size() == 1);
  CHECK(next.spilled(1));
  CHECK_FALSE(next.spilled(2));
  const std::string& answer = next.get({1});
  next.run();
  CHECK(answer == "+");
}

TEST_CASE("a store that has its catalogue believes its rows") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spill(2, 10 * kKiB);
  fixture.spill(3, 10 * kKiB);
  const std::string& answer = fixture.get({3});
  fixture.run();
  REQUIRE(answer == "+");  // clean, in memory
  const auto location_of = [&](std::uint64_t number) {
    return fixture.store.rows().ledger.spill(fixture.store.rows().find(id_of(number))).location;
  };
  fixture.spiller.end(*fixture.tier, fixture.moment());
  const std::uint64_t removed = location_of(1);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now));
  fixture.spiller.disk.erase(location_of(2));
  fixture.spiller.disk.erase(location_of(3));
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  CHECK_FALSE(fixture.spiller.disk.contains(removed));
  CHECK(fixture.store.rows().find(id_of(2)) == shm::kNoSlot);  // was on disk only: lost
  CHECK(fixture.store.spill().is_dirty(fixture.store.rows().find(id_of(3))));
}

TEST_CASE("messages that the server did not ask for are misbehaviour") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  protocol::TierWriteDoneRequestT written;
  written.written.emplace_back(5, 6, 1'000'000, protocol::TierWriteOutcome::done);
  const auto refused =
      fixture.tier->written(fixture.spiller.client(), *Packed<protocol::TierWriteDoneRequest>(written), fixture.now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::protocol_error);
  CHECK_FALSE(fixture.tier->written(fixture.writer, *Packed<protocol::TierWriteDoneRequest>(written), fixture.now));
}

TEST_CASE("spilling and reading back, at random: every object has its bytes") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  std::map<std::uint64_t, std::uint64_t> sizes;  // of the objects that exist
  for (int step = 0; step < 600; ++step) {
    const std::uint64_t number = random() % 48;
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: {
        const std::uint64_t size = 1 + random() % (24 * kKiB);
        if (!sizes.contains(number) && fixture.try_keep(number, size)) sizes[number] = size;
        break;
      }
      case 3:
        if (sizes.contains(number)) REQUIRE(fixture.store.remove(id_of(number), fixture.now).value());
        sizes.erase(number);
        break;
      case 4:
        if (fixture.spiller.client() == 0)
          REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
        else if (random() % 4 == 0)
          fixture.spiller.end(*fixture.tier, fixture.moment());
        break;
      case 5: fixture.turn(); break;
      default:
        if (fixture.spiller.client() != 0) fixture.run(1);
        break;
    }
    for (const auto& [each, size] : sizes) REQUIRE(fixture.store.rows().find(id_of(each)) != shm::kNoSlot);
  }
  if (fixture.spiller.client() == 0) REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (const auto& [number, size] : sizes) {
    const std::string& answer = fixture.get({number});
    fixture.run();
    CHECK(answer == "+");
  }
  fixture.store.clear(fixture.now);
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
}

namespace {

protocol::SpillOrderReplyT progress(TierFixture& fixture, std::uint64_t number, std::uint64_t damaged_from = 0) {
  protocol::SpillOrderRequestT request;
  request.number = number;
  request.damaged_from = damaged_from;
  return fixture.tier->order(*Packed<protocol::SpillOrderRequest>(request), fixture.now).value();
}

Result<protocol::SpillOrderReplyT> begin(TierFixture& fixture, protocol::TierOrderKind kind) {
  protocol::SpillOrderRequestT request;
  request.kind = kind;
  return fixture.tier->order(*Packed<protocol::SpillOrderRequest>(request), fixture.now);
}

Result<void> answer(TierFixture& fixture, protocol::TierOrderDoneRequestT done) {
  return fixture.tier->carried_out(fixture.spiller.client(), *Packed<protocol::TierOrderDoneRequest>(done));
}

protocol::ForgetSpilledReplyT forget(TierFixture& fixture) {
  return fixture.tier->forget(*Packed<protocol::ForgetSpilledRequest>({}), fixture.now);
}

}  // namespace

TEST_CASE("one order at a time is carried out, and its damaged records are told in parts") {
  TierFixture fixture(1.0);
  CHECK(begin(fixture, protocol::TierOrderKind::verify).error().code == Errc::tier_unavailable);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  const auto begun = begin(fixture, protocol::TierOrderKind::verify);
  REQUIRE(begun);
  const auto second = begin(fixture, protocol::TierOrderKind::compact);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::already_exists);
  CHECK_THAT(second.error().message, Catch::Contains("a verify began 0 s ago"));
  fixture.turn();
  REQUIRE(fixture.spiller.orders.size() == 1);
  CHECK(fixture.spiller.orders.front().number() == begun->number);
  CHECK(fixture.spiller.orders.front().kind() == protocol::TierOrderKind::verify);
  protocol::TierOrderDoneRequestT done;
  done.number = begun->number;
  done.records = 5;
  done.bytes = 50;
  for (std::uint64_t i = 0; i < 5000; ++i) done.damaged.push_back(protocol::to_wire(id_of(i)));
  REQUIRE(answer(fixture, done));
  CHECK_FALSE(progress(fixture, begun->number).finished);
  done.damaged.clear();
  done.finished = true;
  REQUIRE(answer(fixture, done));
  const auto first = progress(fixture, begun->number);
  CHECK(first.finished);
  CHECK(first.damaged_count == 5000);
  REQUIRE(first.damaged.size() == 4096);
  const auto rest = progress(fixture, begun->number, 4096);
  REQUIRE(rest.damaged.size() == 904);
  CHECK(protocol::from_wire(rest.damaged.back()) == id_of(4999));
  REQUIRE(begin(fixture, protocol::TierOrderKind::compact));
  CHECK(answer(fixture, done));  // late: no misbehaviour
  done.number = 1'000'000;
  CHECK(answer(fixture, done).error().code == Errc::protocol_error);
}

TEST_CASE("an order ends with the session of the process") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  const std::uint64_t number = begin(fixture, protocol::TierOrderKind::verify).value().number;
  fixture.spiller.end(*fixture.tier, fixture.moment());
  protocol::SpillOrderRequestT request;
  request.number = number;
  CHECK(fixture.tier->order(*Packed<protocol::SpillOrderRequest>(request), fixture.now).error().code ==
        Errc::tier_unavailable);
}

TEST_CASE("a damaged record of an object in memory is written again") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.keep(1, 10 * kKiB);
  fixture.run(2);
  REQUIRE(fixture.spiller.disk.size() == 1);
  const std::uint64_t bad = fixture.spiller.disk.begin()->first;
  protocol::TierOrderDoneRequestT done;
  done.number = begin(fixture, protocol::TierOrderKind::verify).value().number;
  done.finished = true;
  done.damaged.push_back(protocol::to_wire(id_of(1)));
  REQUIRE(answer(fixture, done));
  CHECK(fixture.store.spill().dirty().count == 1);
  fixture.run(2);
  CHECK(fixture.store.spill().clean().count == 1);
  REQUIRE(fixture.spiller.disk.size() == 1);
  CHECK(fixture.spiller.disk.begin()->first != bad);
}

TEST_CASE("to forget the disk loses what is only there, and keeps the rest") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spill(2, 20 * kKiB);
  fixture.keep(3, 30 * kKiB);
  fixture.run(2);
  const std::string& waiting = fixture.get({1});
  fixture.spiller.end(*fixture.tier, fixture.moment());
  const auto forgotten = forget(fixture);
  CHECK(forgotten.next_cursor == 0);
  CHECK(forgotten.lost_count == 2);
  CHECK(forgotten.lost_bytes == 30 * kKiB);
  CHECK(forgotten.dirty_count == 1);
  CHECK(fixture.store.rows().find(id_of(1)) == shm::kNoSlot);
  CHECK(fixture.store.spill().is_dirty(fixture.store.rows().find(id_of(3))));
  fixture.turn();
  CHECK(waiting == "-");
  SECTION("a directory with records is refused then: they would be dropped") {
    const auto refused = fixture.spiller.connect(*fixture.tier, fixture.moment());
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Catch::Contains("takes an empty one only"));
  }
  SECTION("an empty one is taken, also another one") {
    FakeSpiller other(fixture.engine);
    CHECK(other.connect(*fixture.tier, fixture.moment(), 99));
    other.end(*fixture.tier, fixture.moment());
    CHECK_FALSE(other.connect(*fixture.tier, fixture.moment(), 98));
  }
}

TEST_CASE("to forget a disk whose process is there tells it so, and objects can be spilled again") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.keep(2, 10 * kKiB);
  fixture.run(2);
  CHECK(forget(fixture).lost_count == 1);
  fixture.turn();
  REQUIRE(fixture.spiller.orders.size() == 1);
  CHECK(fixture.spiller.orders.front().kind() == protocol::TierOrderKind::forget);
  fixture.spiller.disk.clear();
  fixture.spiller.end(*fixture.tier, fixture.moment());
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.run(2);
  CHECK(fixture.store.spill().clean().count == 1);
  CHECK(fixture.spiller.disk.size() == 1);
}

TEST_CASE("a process whose disk has failed is told to forget it, and may come with another directory") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::failed);
  CHECK(forget(fixture).lost_count == 1);
  fixture.turn();
  REQUIRE(fixture.spiller.orders.size() == 1);
  protocol::TierOrderDoneRequestT done;
  done.number = fixture.spiller.orders.front().number();
  done.finished = true;
  REQUIRE(answer(fixture, done));
  fixture.spiller.end(*fixture.tier, fixture.moment());
  fixture.spiller.disk.clear();
  CHECK(fixture.spiller.connect(*fixture.tier, fixture.moment(), 78));
}

TEST_CASE("the tier's figures tell its process, its work and its age") {
  TierFixture fixture(1.0);
  CHECK(fixture.tier->report(fixture.now).state == SpillTierState::absent);
  CHECK(fixture.tier->report(fixture.now).pid == 0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.keep(1, 10 * kKiB);
  fixture.turn();
  fixture.now += 2 * kSecond;
  const SpillTierStats stats = fixture.tier->report(fixture.now);
  CHECK(stats.state == SpillTierState::ready);
  CHECK(stats.pid == 4);
  CHECK(stats.writing_count == 1);
  CHECK(stats.writing_bytes == 10 * kKiB);
  CHECK(stats.oldest_work == std::chrono::seconds(2));
  CHECK(stats.connected_for >= std::chrono::seconds(2));
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::full);
  CHECK(fixture.tier->report(fixture.now).state == SpillTierState::full);
  CHECK(fixture.tier->report(fixture.now).reason == "the test says so");
}

TEST_CASE("an object's description tells where it is") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  const auto described = [&](std::uint64_t number) {
    return fixture.store.report().metadata(id_of(number), fixture.moment()).value();
  };
  fixture.keep(1, 10 * kKiB);
  CHECK(described(1).retention == Retention::keep);
  CHECK(described(1).place == ObjectPlace::memory);
  fixture.run(2);
  CHECK(described(1).place == ObjectPlace::memory_and_disk);
  REQUIRE(fixture.store.sealed().evict_unused({fixture.store.rows().find(id_of(1))}));
  CHECK(described(1).place == ObjectPlace::disk);
  fixture.get({1});
  fixture.turn();
  CHECK(described(1).place == ObjectPlace::reading_back);
  fixture.run(2);
  CHECK(described(1).place == ObjectPlace::memory_and_disk);
  std::vector<std::byte> byte(1);
  REQUIRE(fixture.store.put_object(fixture.writer, {.id = id_of(2), .data_size = 1}, byte, {}, fixture.now));
  CHECK(described(2).retention == Retention::cache);
  CHECK(described(2).place == ObjectPlace::memory);
}
