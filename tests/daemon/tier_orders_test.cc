// What operators ask of the tier: orders for its process, and a disk to forget.

#include <catch2/catch.hpp>

#include "shm/os/monotonic_clock.h"
#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

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

protocol::ForgetSpilledReplyT forget(TierFixture& fixture, std::uint32_t cursor = 0, TimeNs through = 0) {
  protocol::ForgetSpilledRequestT request;
  request.cursor = cursor;
  request.through = through;
  return fixture.tier->forget(*Packed<protocol::ForgetSpilledRequest>(request), fixture.now);
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

TEST_CASE("to forget the disk counts all objects in memory, also where the directory was missed before") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  for (const std::uint64_t number : {2, 3, 4}) fixture.keep(number, 10 * kKiB);
  fixture.run(2);
  REQUIRE(fixture.store.spill().clean().count == 3);
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::failed, true);
  REQUIRE(fixture.store.spill().clean().count == 0);
  const auto forgotten = forget(fixture);
  CHECK(forgotten.lost_count == 1);
  CHECK(forgotten.dirty_count == 3);
}

TEST_CASE("to forget very many objects takes many pieces, and each changes a bounded number") {
  constexpr std::uint64_t kObjects = 2 * shm::kRemovalsPerPiece + 100;
  TierFixture fixture(1.0, 4096 * kKiB, 4096);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < kObjects; ++number) fixture.keep(number, 8);
  fixture.run(4);
  REQUIRE(fixture.store.spill().clean().count == kObjects);
  for (std::uint64_t number = 0; number < kObjects; number += 2)  // the others stay in memory
    REQUIRE(fixture.store.sealed().evict_unused({fixture.store.rows().find(id_of(number))}));
  protocol::ForgetSpilledReplyT piece;
  std::uint64_t lost = 0;
  std::uint64_t dirty = 0;
  int pieces = 0;
  do {
    piece = forget(fixture, piece.next_cursor, piece.through);
    CHECK(piece.lost_count + piece.dirty_count <= shm::kRemovalsPerPiece);
    lost += piece.lost_count;
    dirty += piece.dirty_count;
    ++pieces;
    fixture.turn();
  } while (piece.next_cursor != 0);
  CHECK(pieces == 3);
  CHECK(lost == kObjects / 2);
  CHECK(dirty == kObjects / 2);
}
