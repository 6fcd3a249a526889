// Crash images: what a crash of the host leaves of a spill directory, at any moment and with failures of the disk
// before. A seed decides everything; it is printed when a check fails. More of them, or one again:
//
//   DOLIUM_CRASH_IMAGES=10000 build/tests/spill_tests "every object that was told*"
//   DOLIUM_CRASH_IMAGES=1 DOLIUM_SEED=42 build/tests/spill_tests "every object that was told*"

#include <catch2/catch.hpp>
#include <iostream>

#include "tests/environment.h"
#include "tests/spill/crash_model.h"

namespace {

using namespace dolium::test;

constexpr std::uint64_t kDefaultImages = 400;
constexpr std::uint64_t kDefaultSeed = 1;

}  // namespace

TEST_CASE("the crash model finds what an engine loses that forgets a sync") {
  const auto lie = GENERATE(MemoryFiles::Lie::syncs, MemoryFiles::Lie::directory_syncs);
  CrashFigures figures;
  for (std::uint64_t seed = 1; figures.found == 0 && seed < 50; ++seed) CrashModel(seed, figures, lie).run();
  CHECK(figures.found != 0);
}

TEST_CASE("every object that was told clean is there after a crash, and none that was removed") {
  const std::uint64_t images = dolium::test::number_from_environment("DOLIUM_CRASH_IMAGES", kDefaultImages);
  CrashFigures figures;
  for (std::uint64_t seed = dolium::test::number_from_environment("DOLIUM_SEED", kDefaultSeed);
       figures.crashes < images; ++seed) {
    CAPTURE(seed);
    CrashModel(seed, figures).run();
  }
  std::cout << figures.crashes << " crash images, " << figures.kills << " kills: " << figures.written
            << " objects told, " << figures.failed << " failed, " << figures.dropped << " dropped, " << figures.clears
            << " clears, " << figures.undecided_back << " undecided ones came back, " << figures.moved
            << " bytes compacted, " << figures.restarts << " orderly restarts\n";
  CHECK(figures.written > figures.crashes);
  CHECK(figures.failed > 0);
  CHECK(figures.undecided_back > 0);
  CHECK(figures.moved > 0);
}
