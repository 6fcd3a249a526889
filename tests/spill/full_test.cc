// A spill tier that is full, and gets room again: objects are removed, the file system grows, others remove their
// files.

#include <catch2/catch.hpp>
#include <cerrno>
#include <random>

#include "tests/spill/tier_fixture.h"

namespace {

using namespace dolium::test;
using dolium::spill::Condition;
using dolium::spill::EngineOptions;
using dolium::spill::Sequence;

constexpr std::uint64_t kSegment = 1 << 20;
constexpr std::size_t kSmall = 3000;
constexpr std::size_t kBatch = 16;  // objects that are written together

EngineOptions options(std::uint64_t segments) {
  return {.capacity = segments == 0 ? UINT64_MAX : segments * kSegment,
          .geometry = {.segment_bytes = kSegment, .own_file_bytes = 64 << 10, .chunk_bytes = 64 << 10}};
}

/// A tier, and the objects that it was told to keep.
struct FullTier : Tier {
  explicit FullTier(const EngineOptions& given) : Tier(given) {}

  /// Writes until objects are refused, and the tier stays full; returns how many were taken.
  std::size_t fill(std::size_t size) {
    const std::size_t before = live.size();
    constexpr int kVain = 3;  // attempts
    for (int vain = 0; vain < kVain;) {
      const std::size_t at_pause = live.size();
      while (write_some(size)) {
      }
      rest();
      vain = live.size() == at_pause ? vain + 1 : 0;
    }
    return live.size() - before;
  }
  /// False: one was refused.
  bool write_some(std::size_t size) {
    std::vector<TestObject> batch;
    const std::size_t count = size < options.geometry.own_file_bytes ? kBatch : 1;
    for (std::size_t i = 0; i < count; ++i) {
      ++last;
      batch.push_back(make_object(last, last, size));
    }
    std::size_t waiting = batch.size();
    bool all = true;
    for (const TestObject& each : batch)
      engine->write(each.head, each.bytes, [&, stamp = each.head.stamp](int error, Sequence location) {
        --waiting;
        all = all && error == 0;
        if (error == 0)
          live.push_back({stamp, location});
        else
          CHECK(error == ENOSPC);
      });
    for (int steps = 0; waiting != 0 && steps < 10000; ++steps) step();
    REQUIRE(waiting == 0);
    return all;
  }
  /// Each object with this probability.
  void remove(double share) {
    std::size_t waiting = 0;
    std::erase_if(live, [&](const Object& each) {
      if (std::uniform_real_distribution<>(0, 1)(random) >= share) return false;
      ++waiting;
      engine->drop(each.location, [&waiting] { --waiting; });
      return true;
    });
    for (int steps = 0; waiting != 0 && steps < 10000; ++steps) step();
    REQUIRE(waiting == 0);
  }
  void rest() {
    for (int i = 0; i < 5; ++i) settle();
  }
  void check_all(std::size_t size) {
    CHECK(engine->report().records == live.size());
    for (const Object& each : live) CHECK(has(each.stamp, each.stamp, size, each.location));
  }

  struct Object {
    std::uint64_t stamp;
    Sequence location;
  };
  std::vector<Object> live;
  std::mt19937_64 random{3};
  std::uint64_t last = 0;
};

/// What can be written again after a share was removed, as a share of all that was there.
double written_again(FullTier& tier, double share, std::size_t size) {
  const auto before = static_cast<double>(tier.live.size());
  tier.remove(share);
  tier.rest();
  CHECK(tier.engine->condition() == Condition::ready);
  return static_cast<double>(tier.fill(size)) / before;
}

}  // namespace

TEST_CASE("after a share of the objects was removed from a full tier, as much can be written again") {
  const double share = GENERATE(0.3, 0.5, 0.7, 0.9);
  const std::uint64_t segments = GENERATE(2, 5, 9);
  FullTier tier(options(segments));
  CHECK(tier.fill(kSmall) > 0);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(share, segments, round, tier.live.size());
    CHECK(written_again(tier, share, kSmall) > share - 0.15);
    CHECK(tier.engine->report().used_bytes <= segments * kSegment);
  }
  tier.check_all(kSmall);
}

TEST_CASE("the same holds after a crash at any moment of the compaction") {
  const double share = GENERATE(0.3, 0.6, 0.9);
  const int moment = GENERATE(0, 1, 3, 7, 15, 40, 100);
  const std::uint64_t segments = GENERATE(2, 5);
  FullTier tier(options(segments));
  tier.fill(kSmall);
  const auto before = static_cast<double>(tier.live.size());
  tier.remove(share);
  for (int steps = 0; steps < moment; ++steps) tier.step();
  tier.crash();
  tier.rest();
  CAPTURE(share, moment, segments);
  CHECK(tier.engine->condition() == Condition::ready);
  tier.check_all(kSmall);
  CHECK(static_cast<double>(tier.fill(kSmall)) / before > share - 0.2);
}

TEST_CASE("a compaction that a crash has ended is undone where its room is needed, and what is removed stays removed") {
  const int moment = GENERATE(range(4, 16));
  const std::uint64_t seed = GENERATE(0, 1, 2, 3);  // 0: the process is killed, and not the host
  FullTier tier(options(2));
  const auto end = [&] { seed == 0 ? tier.kill() : tier.crash(seed); };
  tier.fill(kSmall);
  const auto before = static_cast<double>(tier.live.size());
  tier.remove(0.3);
  for (int steps = 0; steps < moment; ++steps) tier.step();
  CAPTURE(moment, seed);
  end();
  tier.remove(0.1);  // some of the objects have two copies now
  end();
  tier.check_all(kSmall);
  tier.rest();
  CHECK(tier.engine->condition() == Condition::ready);
  CHECK(static_cast<double>(tier.fill(kSmall)) / before > 0.2);
  tier.crash(seed);
  tier.check_all(kSmall);
}

TEST_CASE("the same holds for a file system that is full, and for large objects") {
  const double share = GENERATE(0.3, 0.6);
  const std::size_t size = GENERATE(as<std::size_t>(), kSmall, 200'000);
  FullTier tier(options(0));
  tier.engine.reset();
  tier.files->set_disk_bytes(6 * kSegment + 4096);
  tier.open();
  tier.step();
  tier.fill(size);
  CAPTURE(share, size);
  for (int round = 0; round < 3; ++round) CHECK(written_again(tier, share, size) > share - 0.2);
  tier.check_all(size);
}

TEST_CASE("a full tier takes objects again when the file system has grown, without being asked") {
  FullTier tier(options(0));
  tier.engine.reset();
  tier.files->set_disk_bytes(3 * kSegment);
  tier.open();
  tier.step();
  tier.fill(kSmall);
  tier.rest();
  CHECK(tier.engine->condition() == Condition::full);
  tier.files->set_disk_bytes(5 * kSegment);
  tier.now += 2'000'000'000;
  tier.step();
  CHECK(tier.engine->condition() == Condition::ready);
  CHECK(tier.fill(kSmall) > 300);
}

TEST_CASE("a small file system is used as far as it goes") {
  for (const std::uint64_t eighths : {5U, 9U, 12U, 17U}) {
    FullTier tier(options(0));
    tier.engine.reset();
    tier.files->set_disk_bytes(eighths * kSegment / 8 + 4096);
    tier.open();
    tier.step();
    CAPTURE(eighths);
    const auto taken = static_cast<double>(tier.fill(kSmall) * kSmall);
    CHECK(taken > 0.2 * static_cast<double>(eighths * kSegment) / 8);
  }
}

TEST_CASE("a directory without room for a new superblock is read, and is written again when there is room") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  tier.stop();
  tier.files->set_disk_bytes(1);
  tier.open();
  CHECK(tier.engine->condition() == Condition::full);
  CHECK_THAT(tier.engine->report().reason, Catch::Contains("superblock"));
  CHECK(tier.has(1, 1, 5000, location));
  CHECK(tier.write(make_object(2, 2, 100)).first == ENOSPC);
  tier.files->set_disk_bytes(UINT64_MAX);
  tier.now += 2'000'000'000;
  tier.settle();
  CHECK(tier.engine->condition() == Condition::ready);
  const Sequence second = tier.put(2, 2, 100);
  CHECK(second > location);
  tier.crash();
  CHECK(tier.recovered.objects.size() == 2);
  CHECK(tier.put(3, 3, 100) > second);
}

TEST_CASE("a store whose name finds no room in the superblock is remembered when there is room") {
  Tier tier;
  tier.put(1, 1, 5000);
  tier.stop();
  tier.open();
  tier.files->set_disk_bytes(1);
  REQUIRE(tier.engine->adopt({5, 6}));
  CHECK(tier.engine->condition() == Condition::full);
  CHECK(tier.write(make_object(2, 2, 100)).first == ENOSPC);
  tier.files->set_disk_bytes(UINT64_MAX);
  tier.now += 2'000'000'000;
  tier.settle();
  CHECK(tier.engine->condition() == Condition::ready);
  tier.put(2, 2, 100);
  auto image = tier.files->crash(7);
  const auto home = dolium::spill::Home::open(*image, test_machine());
  REQUIRE(home);
  CHECK(home->superblock().incarnation == dolium::spill::Incarnation{5, 6});
}

TEST_CASE("a new directory needs room for its superblock") {
  MemoryFiles files(1, 1);
  const auto opened = dolium::spill::Engine::open(files, small_options(UINT64_MAX), test_machine());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().error_number == ENOSPC);
}

TEST_CASE("an object that is larger than the capacity is refused, and others are taken") {
  Tier tier(5 * 64 * 1024);
  CHECK(tier.write(make_object(1, 1, 400'000)).first == EFBIG);
  CHECK(tier.engine->condition() == Condition::ready);
  CHECK(tier.write(make_object(2, 2, 100)).first == 0);
}
