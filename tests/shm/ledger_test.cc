// The ledger: rows are reserved before they are written, and only lfu has a column of hits.

#include "shm/table/ledger.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

using namespace dolium;
using namespace dolium::shm;

TEST_CASE("rows are what was written, from the first to the last") {
  constexpr std::uint32_t kSlots = 10'000;
  Ledger ledger = Ledger::create(kSlots, EvictionPolicy::lru, 5).value();
  for (const SlotIndex slot : {SlotIndex{0}, SlotIndex{4095}, SlotIndex{4096}, kSlots - 1}) {
    REQUIRE(ledger.reserve(slot));
    CHECK(ledger.row(slot).sealed == 0);
    ledger.row(slot) = {.sealed = slot + 1, .accessed = slot + 2};
  }
  for (const SlotIndex slot : {SlotIndex{0}, SlotIndex{4095}, SlotIndex{4096}, kSlots - 1}) {
    CHECK(ledger.row(slot).sealed == slot + 1);
    CHECK(ledger.row(slot).accessed == slot + 2);
  }
}

TEST_CASE("hits have rows only where they are counted, and are paid for only there") {
  Ledger plain = Ledger::create(100, EvictionPolicy::lru, 5).value();
  Ledger counting = Ledger::create(100, EvictionPolicy::lfu, 5).value();
  CHECK_FALSE(plain.counts_hits());
  REQUIRE(counting.counts_hits());
  REQUIRE(counting.reserve(99));
  counting.hit_row(99) = {.hits = 7, .base = 8};
  CHECK(counting.hit_row(99).hits == 7);
  CHECK(counting.hit_row(98).hits == 0);
  CHECK(counting.bookkeeping_bytes(10) - plain.bookkeeping_bytes(10) == 10 * sizeof(HitRow));
}

TEST_CASE("lifetimes, graces, and who pinned it, are paid for by who has them") {
  Ledger ledger = Ledger::create(1'000'000, EvictionPolicy::lru, 5).value();
  const std::uint64_t before = ledger.bookkeeping_bytes(10);
  REQUIRE(ledger.reserve_lifetimes(999'999));
  ledger.lifetimes(999'999) = {.to_live_ms = 1, .to_idle_ms = 2};
  CHECK(ledger.lifetimes(999'999).to_idle_ms == 2);
  REQUIRE(ledger.reserve_pinner(999'999));
  ledger.pinner(999'999) = 1000;
  CHECK(ledger.pinner(999'999) == 1000);
  CHECK(ledger.bookkeeping_bytes(10) - before == 2 * kPageBytes);
  REQUIRE(ledger.reserve_grace(0));
  ledger.grace(0) = {.deadline = 3, .since = 4, .session = 5, .uid = 6, .readers = 7, .own_gets = true};
  CHECK(ledger.grace(0).readers == 7);
  CHECK(ledger.bookkeeping_bytes(10) - before == 3 * kPageBytes);
}

TEST_CASE("a ledger goes on with another's memory, and with nothing else") {
  const EvictionPolicy policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu, EvictionPolicy::adaptive);
  Ledger ledger = Ledger::create(100, policy, 5).value();
  REQUIRE(ledger.reserve(7));
  ledger.row(7).sealed = 70;
  REQUIRE(ledger.reserve_pinner(7));
  ledger.pinner(7) = 1000;
  REQUIRE(ledger.reserve_grace(7));
  ledger.grace(7).deadline = 77;
  ledger.state().counters.puts = 9;
  const auto memory = [&ledger] {
    std::vector<UniqueFd> fds;
    for (const Segment* segment : ledger.segments()) fds.push_back(segment->duplicate().value());
    return fds;
  };
  const Ledger next = Ledger::adopt(100, memory()).value();
  CHECK(next.row(7).sealed == 70);
  CHECK(next.pinner(7) == 1000);
  CHECK(next.grace(7).deadline == 77);
  CHECK(next.state().counters.puts == 9);
  CHECK(next.state().started == 5);
  CHECK(next.state().policy == policy);
  CHECK(next.counts_hits() == (policy == EvictionPolicy::lfu));
  CHECK_FALSE(Ledger::adopt(1000, memory()));  // rows for fewer slots
  CHECK_THAT(Ledger::adopt(100, {}).error().message, Catch::Contains("its ledger has no memory"));
  std::vector<UniqueFd> few = memory();
  few.pop_back();
  CHECK_THAT(Ledger::adopt(100, std::move(few)).error().message,
             Catch::Contains(fmt::format("its ledger has {} columns", memory().size() - 1)));
  ledger.state().layout = 77;
  CHECK_THAT(Ledger::adopt(100, memory()).error().message, Catch::Contains("layout 77"));
}
