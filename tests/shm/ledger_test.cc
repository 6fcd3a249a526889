// The ledger: rows that are reserved before they are written, and a column of hits for who counts them.

#include "shm/ledger.h"

#include <catch2/catch.hpp>

using namespace dolium::shm;

TEST_CASE("rows are what was written, from the first to the last") {
  constexpr std::uint32_t kSlots = 10'000;
  Ledger ledger = Ledger::create(kSlots, false).value();
  for (const SlotIndex slot : {SlotIndex{0}, SlotIndex{4095}, SlotIndex{4096}, kSlots - 1}) {
    REQUIRE(ledger.reserve(slot));
    CHECK(ledger.row(slot).state == SlotState::free);
    ledger.row(slot) = {.sealed = slot + 1,
                        .accessed = slot + 2,
                        .writing_ms = 3,
                        .creator_pid = 4,
                        .pinned_by = 5,
                        .state = SlotState::sealed,
                        .operation = Operation::evicting,
                        .pinned = true,
                        .type_name_size = 6};
  }
  for (const SlotIndex slot : {SlotIndex{0}, SlotIndex{4095}, SlotIndex{4096}, kSlots - 1}) {
    CHECK(ledger.row(slot).sealed == slot + 1);
    CHECK(ledger.row(slot).state == SlotState::sealed);
    CHECK(ledger.row(slot).operation == Operation::evicting);
  }
}

TEST_CASE("hits have rows only where they are counted, and are paid for only there") {
  Ledger plain = Ledger::create(100, false).value();
  Ledger counting = Ledger::create(100, true).value();
  CHECK_FALSE(plain.counts_hits());
  REQUIRE(counting.counts_hits());
  REQUIRE(counting.reserve(99));
  counting.hit_row(99) = {.hits = 7, .base = 8};
  CHECK(counting.hit_row(99).hits == 7);
  CHECK(counting.hit_row(98).hits == 0);
  CHECK(counting.bookkeeping_bytes(10) - plain.bookkeeping_bytes(10) == 10 * sizeof(HitRow));
}
