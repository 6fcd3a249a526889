#include "shm/arena/arena.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/environment.h"

using namespace dolium::shm;

namespace {

constexpr std::uint32_t kArenaSlots = 1000;

/// What an arena is, told plainly: offset -> {size, owner} of the live extents.
class Oracle {
 public:
  struct Live {
    std::uint64_t size;
    SlotIndex owner;
  };

  explicit Oracle(std::uint64_t capacity) : limit_(capacity) {}

  void set_limit(std::uint64_t limit) {
    limit_ = live_.empty() ? limit : std::max(limit, live_.rbegin()->first + live_.rbegin()->second.size);
  }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] bool is_free(std::uint64_t offset, std::uint64_t size) const {
    if (offset > limit_ || size > limit_ - offset) return false;
    const auto next = live_.lower_bound(offset);
    if (next != live_.end() && next->first < offset + size) return false;
    return next == live_.begin() || std::prev(next)->first + std::prev(next)->second.size <= offset;
  }
  void take(std::uint64_t offset, std::uint64_t size, SlotIndex owner) {
    live_[offset] = {size, owner};
    used_ += size;
  }
  void give_back(std::uint64_t offset) {
    used_ -= live_.at(offset).size;
    live_.erase(offset);
  }
  [[nodiscard]] std::uint64_t largest_gap() const {
    std::uint64_t largest = 0;
    std::uint64_t end = 0;
    for (const auto& [offset, extent] : live_) {
      largest = std::max(largest, offset - end);
      end = offset + extent.size;
    }
    return std::max(largest, limit_ - end);
  }
  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] const std::map<std::uint64_t, Live>& live() const { return live_; }

 private:
  std::uint64_t limit_;
  std::uint64_t used_ = 0;
  std::map<std::uint64_t, Live> live_;
};

void require_same(const Arena& arena, const Oracle& oracle) {
  arena.check_invariants();
  REQUIRE(arena.used_bytes() == oracle.used());
  REQUIRE(arena.free_bytes() == oracle.limit() - oracle.used());
  REQUIRE(arena.largest_free_extent() == oracle.largest_gap());
  auto expected = oracle.live().begin();
  for (ExtentRef extent = arena.first(); !extent.is_none(); extent = arena.after(extent)) {
    if (extent.is_free()) continue;
    REQUIRE(expected != oracle.live().end());
    REQUIRE(extent.owner() == expected->second.owner);
    REQUIRE(arena.offset_of(extent) == expected->first);
    REQUIRE(arena.size_of(extent) == expected->second.size);
    ++expected;
  }
  REQUIRE(expected == oracle.live().end());
}

}  // namespace

TEST_CASE("an object of the full capacity fits in an idle arena, again and again") {
  Arena arena(1 << 20, kArenaSlots);
  for (SlotIndex slot = 0; slot < 3; ++slot) {
    REQUIRE(arena.allocate(1 << 20, slot) == 0);
    REQUIRE(arena.free_bytes() == 0);
    REQUIRE(arena.largest_free_extent() == 0);
    REQUIRE_FALSE(arena.allocate(0, slot + 1));
    arena.check_invariants();
    arena.free(slot);
    REQUIRE(arena.largest_free_extent() == 1 << 20);
    arena.check_invariants();
  }
}

TEST_CASE("the largest arena there can be") {
  Arena arena(kMaxCapacity, kArenaSlots);
  REQUIRE(arena.largest_free_extent() == kMaxCapacity);
  REQUIRE(arena.allocate(kMaxCapacity - kUnitBytes, 0) == 0);
  REQUIRE(arena.allocate(1, 1) == kMaxCapacity - kUnitBytes);  // the last offset that 32 bits hold
  REQUIRE(arena.size_of(ExtentRef::live(1)) == kUnitBytes);
  arena.check_invariants();
  arena.free(0);
  arena.free(1);
  REQUIRE(arena.allocate(kMaxCapacity, 2) == 0);
}

TEST_CASE("an extent takes its size rounded up to the grain, and at least one unit") {
  REQUIRE(Arena::taken_by(0) == kUnitBytes);
  REQUIRE(Arena::taken_by(1) == kUnitBytes);
  REQUIRE(Arena::taken_by(kUnitBytes) == kUnitBytes);
  REQUIRE(Arena::taken_by(kUnitBytes + 1) == 2 * kUnitBytes);
}

TEST_CASE("a size near the end of the numbers fits nowhere, and does not wrap around") {
  Arena arena(1 << 20, kArenaSlots);
  for (const std::uint64_t size :
       {UINT64_MAX, UINT64_MAX - kUnitBytes + 1, UINT64_MAX - kUnitBytes, kMaxCapacity + 1}) {
    REQUIRE(Arena::taken_by(size) > kMaxCapacity);
    REQUIRE_FALSE(arena.allocate(size, 0));
    REQUIRE_FALSE(arena.claim(kUnitBytes, size, 0));
  }
  REQUIRE_FALSE(arena.owns(0));
  arena.check_invariants();
}

TEST_CASE("neighbours coalesce, whichever is freed last") {
  std::vector<SlotIndex> order{0, 1, 2};
  do {
    Arena arena(3 * kUnitBytes, kArenaSlots);
    for (SlotIndex slot = 0; slot < 3; ++slot) REQUIRE(arena.allocate(1, slot));
    for (const SlotIndex slot : order) {
      arena.free(slot);
      arena.check_invariants();
    }
    REQUIRE(arena.largest_free_extent() == arena.capacity());
    REQUIRE(arena.first().is_free());
    REQUIRE(arena.after(arena.first()).is_none());
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("memory freed last is used first") {
  Arena arena(8 * kUnitBytes, kArenaSlots);
  for (SlotIndex slot = 0; slot < 8; ++slot) REQUIRE(arena.allocate(1, slot));
  arena.free(1);
  arena.free(5);
  arena.free(3);
  REQUIRE(arena.allocate(1, 10) == 3 * kUnitBytes);
  REQUIRE(arena.allocate(1, 11) == 5 * kUnitBytes);
  REQUIRE(arena.allocate(1, 12) == 1 * kUnitBytes);
}

TEST_CASE("the only free extent that fits is found behind any number of its bin that do not") {
  constexpr std::uint64_t kSmall = 1000 * kUnitBytes;
  constexpr SlotIndex kHoles = FreeLists::kMaxLooks + 10;
  static_assert(bin_of(1000) == bin_of(1001));
  Arena arena(kHoles * (kSmall + 2 * kUnitBytes), kArenaSlots);
  REQUIRE(arena.allocate(kSmall + kUnitBytes, 0));
  REQUIRE(arena.allocate(1, kHoles));
  for (SlotIndex slot = 1; slot < kHoles; ++slot) {
    REQUIRE(arena.allocate(kSmall, slot));
    REQUIRE(arena.allocate(1, kHoles + slot));
  }
  while (arena.allocate(1, 3 * kHoles + static_cast<SlotIndex>(arena.free_bytes() / kUnitBytes))) continue;
  for (SlotIndex slot = 0; slot < kHoles; ++slot) arena.free(slot);
  REQUIRE(arena.allocate(kSmall + kUnitBytes, 0) == 0);
  REQUIRE_FALSE(arena.allocate(kSmall + kUnitBytes, 1));
  arena.check_invariants();
}

TEST_CASE("claim takes exactly the range it names") {
  Arena arena(16 * kUnitBytes, kArenaSlots);
  REQUIRE(arena.claim(4 * kUnitBytes, 2 * kUnitBytes, 0));
  REQUIRE(arena.offset_of(ExtentRef::live(0)) == 4 * kUnitBytes);
  REQUIRE_FALSE(arena.claim(5 * kUnitBytes, 1, 1));
  REQUIRE_FALSE(arena.claim(3 * kUnitBytes, 2 * kUnitBytes, 1));
  REQUIRE_FALSE(arena.claim(8 * kUnitBytes + 1, 1, 1));
  REQUIRE_FALSE(arena.claim(16 * kUnitBytes, 1, 1));
  REQUIRE_FALSE(arena.claim(15 * kUnitBytes, kUnitBytes + 1, 1));
  REQUIRE(arena.claim(15 * kUnitBytes, 1, 1));
  REQUIRE(arena.claim(0, 4 * kUnitBytes, 2));
  arena.check_invariants();
}

TEST_CASE("pieces are cut off the end of an extent, for another owner or for nobody") {
  Arena arena(16 * kUnitBytes, kArenaSlots);
  REQUIRE(arena.allocate(10 * kUnitBytes, 0) == 0);
  REQUIRE(arena.allocate(1, 1) == 10 * kUnitBytes);
  REQUIRE(arena.split(0, 2 * kUnitBytes - 1, 2) == 8 * kUnitBytes);
  REQUIRE(arena.size_of(ExtentRef::live(0)) == 8 * kUnitBytes);
  REQUIRE(arena.size_of(ExtentRef::live(2)) == 2 * kUnitBytes);
  REQUIRE(arena.split(0, 1, 3) == 7 * kUnitBytes);
  arena.check_invariants();
  arena.trim(0, 3 * kUnitBytes);
  REQUIRE(arena.size_of(ExtentRef::live(0)) == 4 * kUnitBytes);
  REQUIRE(arena.free_bytes() == (5 + 3) * kUnitBytes);
  arena.check_invariants();
  arena.free(3);  // together with what was trimmed before it
  arena.trim(0, 1);
  REQUIRE(arena.size_of(arena.after(ExtentRef::live(0))) == 5 * kUnitBytes);
  arena.check_invariants();
  for (const SlotIndex slot : {0U, 1U, 2U}) arena.free(slot);
  REQUIRE(arena.largest_free_extent() == arena.capacity());
}

TEST_CASE("an arena ends at its limit, but never before its last live extent") {
  Arena arena(1 << 20, kArenaSlots);
  REQUIRE(arena.allocate(1000, 0) == 0);
  arena.set_limit(4100);
  CHECK(arena.limit() == 4096);
  CHECK(arena.used_bytes() == 1024);
  CHECK(arena.free_bytes() == 3072);
  CHECK(arena.largest_free_extent() == 3072);
  CHECK_FALSE(arena.allocate(3073, 1));
  CHECK_FALSE(arena.claim(4096, 1, 1));
  arena.set_limit(0);
  CHECK(arena.limit() == 1024);
  CHECK(arena.live_to() == 1024);
  CHECK(arena.free_bytes() == 0);
  arena.check_invariants();
  arena.free(0);
  CHECK(arena.free_bytes() == 1024);
  CHECK(arena.live_to() == 0);
  arena.set_limit(0);
  arena.check_invariants();
  CHECK(arena.first().is_none());
  CHECK_FALSE(arena.allocate(1, 1));
  arena.set_limit(UINT64_MAX);
  CHECK(arena.limit() == 1 << 20);
  REQUIRE(arena.allocate(1 << 20, 1) == 0);
  arena.check_invariants();
}

TEST_CASE("records cost 12 bytes a slot, and only up to the highest slot used") {
  constexpr std::uint32_t kMany = 1 << 20;
  Arena arena(std::uint64_t{kMany} * kUnitBytes, kMany);
  const std::uint64_t empty = arena.bookkeeping_bytes();
  REQUIRE(empty < 16 * 1024);
  for (SlotIndex slot = 0; slot < kMany; ++slot) REQUIRE(arena.allocate(1, slot));
  REQUIRE(arena.bookkeeping_bytes() - empty <= 12 * std::uint64_t{kMany});
}

TEST_CASE("any history agrees with a map, and can be claimed again") {
  const std::uint64_t used_seed = dolium::test::number_from_environment("DOLIUM_SEED", 20230601);
  INFO("DOLIUM_SEED=" << used_seed);
  std::mt19937_64 random(used_seed);
  for (const std::uint64_t capacity : {64 * kUnitBytes, 5000 * kUnitBytes, std::uint64_t{1} << 30}) {
    Arena arena(capacity, kArenaSlots);
    Oracle oracle(capacity);
    for (int step = 0; step < 3000; ++step) {
      if (random() % 16 == 0) {
        const std::uint64_t limit = random() % 2 == 0 ? capacity : random() % (capacity / kUnitBytes) * kUnitBytes;
        arena.set_limit(limit);
        oracle.set_limit(limit);
        REQUIRE(arena.limit() == oracle.limit());
      }
      const auto slot = static_cast<SlotIndex>(random() % kArenaSlots);
      const auto whole = ExtentRef::live(slot);
      if (arena.owns(slot) && random() % 2 == 0 && arena.size_of(whole) > kUnitBytes) {
        const std::uint64_t offset = arena.offset_of(whole);
        const std::uint64_t size = arena.size_of(whole);
        const std::uint64_t piece = kUnitBytes * (1 + random() % (size / kUnitBytes - 1));
        const auto other = static_cast<SlotIndex>(random() % kArenaSlots);
        oracle.give_back(offset);
        oracle.take(offset, size - piece, slot);
        if (arena.owns(other)) {
          arena.trim(slot, piece);
        } else {
          REQUIRE(arena.split(slot, piece, other) == offset + size - piece);
          oracle.take(offset + size - piece, piece, other);
        }
      } else if (arena.owns(slot)) {
        oracle.give_back(arena.offset_of(whole));
        arena.free(slot);
      } else {
        const std::uint64_t size = (capacity >> (random() % 14)) * (random() % 1000) / 2000;
        const std::uint64_t taken = Arena::taken_by(size);
        const std::uint64_t wanted = random() % (capacity / kUnitBytes) * kUnitBytes;
        if (random() % 4 == 0) {
          const bool free = oracle.is_free(wanted, taken);
          REQUIRE(arena.claim(wanted, size, slot) == free);
          if (free) oracle.take(wanted, taken, slot);
        } else {
          const bool fits = oracle.largest_gap() >= taken;
          const auto offset = arena.allocate(size, slot);
          REQUIRE(offset.has_value() == fits);
          if (fits) REQUIRE(oracle.is_free(*offset, taken));
          if (fits) oracle.take(*offset, taken, slot);
        }
      }
      require_same(arena, oracle);
    }
    oracle.set_limit(capacity);
    Arena restarted(capacity, kArenaSlots);
    for (const auto& [offset, extent] : oracle.live()) REQUIRE(restarted.claim(offset, extent.size, extent.owner));
    require_same(restarted, oracle);
  }
}
