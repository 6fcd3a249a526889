// Which pieces are renewed, in which order, and which bytes rest how long.

#include "shm/arena/quarantine.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "tests/shm/test_values.h"

using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr TimeNs kRest = 60 * kSecond;
constexpr TimeNs kNow = 1000 * kSecond;
constexpr std::uint64_t kPage = kPageBytes;

using Piece = std::pair<std::uint64_t, std::uint64_t>;

Piece next_of(const Quarantine& quarantine) {
  const auto piece = quarantine.next_piece();
  return piece ? Piece{piece->begin, piece->end} : Piece{0, 0};
}

/// Renews all, where `replaced` says which pieces are; what became of the extent.
template <class Replaced>
Quarantine::Renewed renew_all(Quarantine& quarantine, std::vector<Piece>& pieces, Replaced replaced) {
  for (;;) {
    pieces.push_back(next_of(quarantine));
    REQUIRE(pieces.back().second != 0);
    if (const auto done = quarantine.renewed(replaced(pieces.back()))) return *done;
  }
}

}  // namespace

TEST_CASE("quarantine: an extent without a whole page rests, and comes back when its time is over") {
  Quarantine quarantine(kPage);
  quarantine.add(1, {64, kPage}, kNow + kRest);
  quarantine.add(2, {kPage + 64, 3 * kPage - 64}, kNow + kSecond + kRest);
  CHECK_FALSE(quarantine.next_piece());
  CHECK(quarantine.size() == 2);
  CHECK(quarantine.next_deadline() == kNow + kRest);
  CHECK_FALSE(quarantine.take_rested(kNow + kRest - 1));
  CHECK(quarantine.take_rested(kNow + kRest) == 1U);
  CHECK_FALSE(quarantine.take_rested(kNow + kRest));
  CHECK(quarantine.take_rested(kNow + kRest + kSecond) == 2U);
  CHECK(quarantine.size() == 0);
  CHECK(quarantine.next_deadline() == kNever);
}

TEST_CASE("quarantine: whole pages are renewed in pieces that do not cut large pages") {
  Quarantine quarantine(kPage);
  quarantine.add(7, {kMiB + 64, 11 * kMiB + 64}, kNow + kRest);
  std::vector<Piece> pieces;
  const auto done = renew_all(quarantine, pieces, [](const Piece&) { return true; });
  CHECK(pieces == std::vector<Piece>{
                      {kMiB + kPage, 2 * kMiB}, {2 * kMiB, 6 * kMiB}, {6 * kMiB, 10 * kMiB}, {10 * kMiB, 11 * kMiB}});
  CHECK(done.slot == 7);
  CHECK(done.fresh.begin == kMiB + kPage);
  CHECK(done.fresh.end == 11 * kMiB);
  CHECK(done.rests_until == kNow + kRest);
  CHECK(quarantine.size() == 0);
}

TEST_CASE("quarantine: what could not be replaced at either end is not fresh") {
  Quarantine quarantine(kPage);
  quarantine.add(7, {kMiB, 11 * kMiB}, kNow + kRest);
  std::vector<Piece> pieces;
  const auto done = renew_all(quarantine, pieces,
                              [](const Piece& piece) { return piece.first != kMiB && piece.second != 11 * kMiB; });
  CHECK(done.fresh.begin == 2 * kMiB);
  CHECK(done.fresh.end == 10 * kMiB);
  quarantine.add(8, {kMiB, 11 * kMiB}, kNow + kRest);
  const auto nothing = renew_all(quarantine, pieces, [](const Piece&) { return false; });
  CHECK(nothing.fresh.begin == nothing.fresh.end);
}

TEST_CASE("quarantine: huge pages of the pool are renewed as such, and the rest rests") {
  Quarantine quarantine(kHugePageBytes);
  quarantine.add(1, {kMiB, 3 * kMiB}, kNow + kRest);
  CHECK_FALSE(quarantine.next_piece());
  quarantine.add(2, {3 * kMiB, 9 * kMiB}, kNow + kRest);
  CHECK(next_of(quarantine) == Piece{4 * kMiB, 8 * kMiB});
}

TEST_CASE("quarantine: after a failure nothing is due for a while, then the same piece") {
  Quarantine quarantine(kPage);
  quarantine.add(1, {0, 12 * kMiB}, kNow + kRest);
  REQUIRE_FALSE(quarantine.renewed(true));
  const Piece piece = next_of(quarantine);
  quarantine.failed(kNow);
  CHECK_FALSE(quarantine.next_piece());
  CHECK(quarantine.next_deadline() == kNow + Quarantine::kRetry);
  quarantine.tick(kNow + Quarantine::kRetry - 1);
  CHECK_FALSE(quarantine.next_piece());
  quarantine.tick(kNow + Quarantine::kRetry);
  CHECK(next_of(quarantine) == piece);
  CHECK(quarantine.next_deadline() == kNever);
}
