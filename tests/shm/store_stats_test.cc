// The store's figures in pieces: what they cost each, and that they add up.

#include "shm/types/stats_piece.h"

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kStatsObjects = 40'000;

std::vector<StatsPiece> pieces_of(Store& store, TimeNs now) {
  std::vector<StatsPiece> pieces;
  do {
    pieces.push_back(store.stats(now, pieces.empty() ? 0 : pieces.back().next));
  } while (pieces.back().next != 0);
  return pieces;
}

}  // namespace

TEST_CASE("the stats of many objects come in pieces, fewer to a piece the more clients there are, and add up") {
  StoreFixture fixture({.capacity = 64 * kMiB});
  TestClient reader = fixture.client();
  for (std::uint64_t n = 0; n < kStatsObjects; ++n) fixture.put(n, n % 200);
  for (std::uint64_t n = 0; n < kStatsObjects; n += 100) reader.hold(id_of(n));
  REQUIRE(fixture.store.remove(id_of(0), fixture.now).value());  // retired: its reader goes on
  const std::vector<StatsPiece> pieces = pieces_of(fixture.store, fixture.now);
  CHECK(pieces.size() > 2);
  StoreStats sum;
  for (const StatsPiece& piece : pieces) {
    CHECK(piece.stats.total_objects < kStatsObjects / 2);
    CHECK(piece.stats.used_bytes == pieces.front().stats.used_bytes);  // of the store, in each
    add_objects(sum, piece.stats);
  }
  const StoreStats whole = fixture.store.stats(fixture.now);
  CHECK(sum.total_objects == kStatsObjects - 1);
  CHECK(sum.in_use_count == kStatsObjects / 100);
  CHECK(whole.total_objects == sum.total_objects);
  CHECK(whole.total_size == sum.total_size);
  CHECK(whole.padding_bytes == sum.padding_bytes);
  CHECK(whole.in_use_count == sum.in_use_count);
  CHECK(whole.in_use_bytes == sum.in_use_bytes);
  CHECK(whole.evictable_bytes == sum.evictable_bytes);
  CHECK(whole.size_histogram == sum.size_histogram);
  CHECK(whole.evictable_bytes + whole.in_use_bytes == whole.used_bytes);
  std::uint64_t counted = 0;
  for (const auto& [bucket, count] : whole.size_histogram) counted += count;
  CHECK(counted == whole.total_objects);

  for (int i = 0; i < 50; ++i) static_cast<void>(fixture.attach());
  const std::vector<StatsPiece> smaller = pieces_of(fixture.store, fixture.now);
  CHECK(smaller.size() > 10 * pieces.size());
  CHECK(smaller.front().stats.total_objects > 0);
}

TEST_CASE("a cursor that nobody was given is some place to begin") {
  StoreFixture fixture;
  for (std::uint64_t n = 0; n < 10; ++n) fixture.put(n, 10);
  for (const SlotIndex cursor : {SlotIndex{3}, SlotIndex{100'000}, kNoSlot}) {
    CAPTURE(cursor);
    const StatsPiece piece = fixture.store.stats(fixture.now, cursor);
    CHECK(piece.next == 0);
    CHECK(piece.stats.total_objects <= 10);
    CHECK(piece.stats.capacity == kMiB);
  }
}

TEST_CASE("pieces that do not come to an end are an error") {
  const auto circle = [](SlotIndex) { return Result<StatsPiece>(StatsPiece{{}, 7}); };
  CHECK(outcome(whole_stats(circle)) == "protocol_error");
}
