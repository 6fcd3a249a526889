// The model test of the engine: a random history, step by step against an oracle that is a few std::maps.
//
// The oracle knows what the store must know, and no more: which objects are sealed, unsealed, pinned, kept, held by
// whom; which must be readable with which bytes. What eviction chooses is the store's business; that it never chose
// what is pinned, held or unsealed, and that it accounts for every byte, is checked after each step.
//
//   DOLIUM_STEPS=1000000 DOLIUM_SEED=42 build/tests/model_tests

#include <iostream>

#include "tests/environment.h"
#include "tests/model/store_model.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kDefaultSeed = 20230607;
constexpr std::uint64_t kDefaultSteps = 100'000;

}  // namespace

TEST_CASE("a random history of the store agrees with a plain map") {
  const std::uint64_t seed = dolium::test::number_from_environment("DOLIUM_SEED", kDefaultSeed);
  const std::uint64_t steps = dolium::test::number_from_environment("DOLIUM_STEPS", kDefaultSteps);
  const auto policy =
      GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu, EvictionPolicy::fifo, EvictionPolicy::adaptive);
  std::cout << "DOLIUM_SEED=" << seed << ", policy " << static_cast<int>(policy) << ": " << std::flush;
  CAPTURE(seed, policy);
  Model model(seed, {.capacity = kMiB / 4, .max_objects = 80, .eviction_policy = policy, .quarantine_seconds = 1});
  for (std::uint64_t step = 0; step < steps; ++step) {
    CAPTURE(step);
    model.step();
  }
  model.finish();
  std::cout << model.evictions() << " evictions, " << model.served_late() << " creates served after a wait\n";
  CHECK(model.evictions() > steps / 1000);
  CHECK(model.served_late() > steps / 40'000);  // far below the mean
  CHECK(model.copies() > steps / 10'000);
  CHECK(model.left() > steps / 10'000);
  CHECK(model.leased() > steps / 1000);
  CHECK(model.taken() > steps / 2000);
  CHECK(model.kept() > steps / 100);
  CHECK(model.relocations() > steps / 10'000);
}
