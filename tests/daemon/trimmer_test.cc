// Free memory is given back while an event loop has nothing else to do.

#include "daemon/server/trimmer.h"

#include <spdlog/sinks/null_sink.h>

#include <catch2/catch.hpp>

#include "tests/shm/store_fixture.h"

namespace dolium::daemon {
namespace {

using shm::Store;
using shm::test::id_of;
using shm::test::kMiB;
using shm::test::StoreFixture;

constexpr std::uint64_t kShrinkPatienceMs = 60'000;

/// Runs a loop until less than `wanted` bytes are reserved; without that, for so long.
bool shrinks(Store& store, std::uint64_t above, std::uint64_t wanted, std::uint64_t patience_ms) {
  const auto loop = EventLoop::create().value();
  spdlog::logger log("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  Trimmer trimmer(store, log, above);
  REQUIRE(trimmer.watch(*loop));
  auto end = Timer::create(*loop, [&] { loop->stop(); }).value();
  end.start_once(patience_ms);
  const auto each_turn = BeforeWait::create(*loop, [&] {
                           if (store.rows().memory.resident_bytes() <= wanted) loop->stop();
                         }).value();
  loop->run();
  return store.rows().memory.resident_bytes() <= wanted;
}

}  // namespace

TEST_CASE("the trimmer gives back what is more than it may keep, and no more") {
  StoreFixture fixture({.capacity = 64 * kMiB, .prefault = false});
  fixture.fill(40, kMiB);
  for (std::uint64_t number = 8; number < 40; ++number) REQUIRE(fixture.store.remove(id_of(number), fixture.now));
  REQUIRE(shrinks(fixture.store, 4 * kMiB, 12 * kMiB, kShrinkPatienceMs));
  CHECK(fixture.store.rows().memory.resident_bytes() == 12 * kMiB);
}

TEST_CASE("the trimmer keeps all memory if it is off") {
  StoreFixture fixture({.capacity = 16 * kMiB, .prefault = false});
  fixture.fill(8, kMiB);
  fixture.store.clear(fixture.now);
  CHECK_FALSE(shrinks(fixture.store, 0, 7 * kMiB, 50));
}

}  // namespace dolium::daemon
