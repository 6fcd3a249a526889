// What other processes do to a spill directory: files and directories that are moved, removed and cut.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "tests/spill/tier_fixture.h"

namespace {

using namespace dolium::test;
using dolium::spill::Condition;
using dolium::spill::Sequence;

constexpr std::size_t kOwnFile = 50000;  // has a file of its own

/// The errors that the engine told since the last call, as one text.
std::string errors_of(Tier& tier) {
  std::string out;
  for (const std::string& each : tier.engine->take_errors()) out += each + "\n";
  return out;
}

std::string file_of(const Tier& tier, Sequence location, std::size_t size) {
  const auto number = tier.engine->find(location)->file;
  return size < 20000 ? dolium::spill::segment_name(number) : dolium::spill::object_name(number);
}

void wait(Tier& tier) {
  for (int steps = 0; steps < 60; ++steps) tier.step();
}

}  // namespace

TEST_CASE("a spill directory that was moved away takes no objects, and goes on when it is back") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  tier.files->faults.moved = true;
  wait(tier);
  CHECK(tier.engine->condition() == Condition::gone);
  CHECK_FALSE(tier.engine->report().reason.empty());
  CHECK(tier.write(make_object(2, 2, 100)).first == ESTALE);
  CHECK(tier.engine->forget().value() == 0);
  tier.files->faults.moved = false;
  wait(tier);
  CHECK(tier.engine->condition() == Condition::ready);
  CHECK(tier.has(1, 1, 5000, location));
  CHECK(tier.write(make_object(2, 2, 100)).first == 0);
}

TEST_CASE("a superblock that was removed while the store runs is written again, and told once") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  tier.files->lose("superblock");
  wait(tier);
  CHECK(errors_of(tier) == "superblock was removed by another process: it is written again\n");
  CHECK(tier.engine->condition() == Condition::ready);
  tier.crash();
  CHECK(tier.has(1, 1, 5000, location));
}

TEST_CASE("an object that was written into a removed segment is not told clean") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  tier.files->lose(file_of(tier, location, 5000));
  CHECK(tier.write(make_object(2, 2, 100)).first == ESTALE);
}

TEST_CASE("the objects of a segment that was removed while it was open are copied to another one") {
  Tier tier;
  std::vector<Sequence> locations;
  for (std::uint64_t i = 0; i < 20; ++i) locations.push_back(tier.put(i, i, 5000));
  const std::string first = file_of(tier, locations.front(), 5000);
  const std::string head = file_of(tier, locations.back(), 5000);
  REQUIRE(first != head);
  tier.files->lose(first);
  tier.files->lose(head);
  wait(tier);
  tier.settle();
  const std::string errors = errors_of(tier);
  CHECK_THAT(errors, Catch::Contains(first + " was removed by another process"));
  CHECK_THAT(errors, Catch::Contains(head + " was removed by another process"));
  CHECK_FALSE(tier.engine->needs_new_session());
  tier.crash();
  CHECK(tier.recovered.objects.size() == 20);
  for (std::uint64_t i = 0; i < 20; ++i) CHECK(tier.has(i, i, 5000, locations[i]));
}

TEST_CASE("the object of an own file that was removed is lost, and the store is told") {
  Tier tier;
  const Sequence lost = tier.put(1, 1, kOwnFile);
  const Sequence kept = tier.put(2, 2, kOwnFile);
  tier.files->lose(file_of(tier, lost, kOwnFile));
  wait(tier);
  CHECK(tier.engine->find(lost) == nullptr);
  CHECK(tier.engine->needs_new_session());
  CHECK(tier.engine->report().lost_records == 1);
  CHECK_THAT(errors_of(tier), Catch::Contains("its object is lost"));
  tier.open();
  REQUIRE(tier.recovered.objects.size() == 1);
  CHECK(tier.has(2, 2, kOwnFile, kept));
}

TEST_CASE("files that were removed or cut between two starts are told, with the number of objects") {
  Tier tier;
  std::vector<Sequence> locations;
  for (std::uint64_t i = 0; i < 8; ++i) locations.push_back(tier.put(i, i, 5000));
  const Sequence large = tier.put(100, 100, kOwnFile);
  const std::string gone = file_of(tier, large, kOwnFile);
  const std::string cut = file_of(tier, locations.front(), 5000);
  std::size_t in_it = 0;
  for (const Sequence each : locations) in_it += file_of(tier, each, 5000) == cut ? 1 : 0;
  REQUIRE(in_it > 1);
  tier.stop();
  tier.files->lose(gone);
  tier.files->cut(cut, 3 * 4096);  // its first object
  tier.open();
  CHECK(tier.engine->report().lost_records == in_it);
  const std::string errors = errors_of(tier);
  CHECK_THAT(errors, Catch::Contains(std::to_string(in_it) + " objects are lost on disk"));
  CHECK_THAT(errors, Catch::Contains(gone + " (missing: 1 of 1 objects)"));
  CHECK_THAT(errors, Catch::Contains(fmt::format("{} (cut or changed: {} of {} objects)", cut, in_it - 1, in_it)));
  tier.stop();
  tier.open();
  CHECK(errors_of(tier).empty());  // it is told once
}

TEST_CASE("a segment that was cut after a crash is told") {
  Tier tier;
  const Sequence location = tier.put(1, 1, 5000);
  tier.put(2, 2, 5000);
  const std::string name = file_of(tier, location, 5000);
  auto image = tier.files->crash(7);
  tier.engine.reset();
  tier.files = std::move(image);
  tier.files->cut(name, 3 * 4096);
  tier.open();
  CHECK(tier.recovered.objects.size() == 1);
  CHECK_THAT(errors_of(tier), Catch::Contains(name + " (cut: objects at its end are missing)"));
}

TEST_CASE("an orderly end and a crash without interference tell nothing") {
  Tier tier;
  tier.put(1, 1, 5000);
  tier.drop(tier.put(2, 2, kOwnFile));
  tier.put(3, 3, kOwnFile);
  tier.stop();
  tier.open();
  CHECK(errors_of(tier).empty());
  tier.put(4, 4, 5000);
  tier.crash();
  CHECK(errors_of(tier).empty());
  CHECK(tier.engine->report().lost_records == 0);
}

TEST_CASE("a forgotten directory has no objects, whatever a crash leaves of its files") {
  Tier tier;
  tier.put(1, 1, 5000);
  tier.put(2, 2, kOwnFile);
  tier.settle();
  const auto uuid = tier.engine->superblock().uuid;
  const bool crashes = GENERATE(false, true);
  CHECK(tier.engine->forget().value() > kOwnFile);
  if (crashes)
    tier.crash();
  else
    tier.open();
  CHECK(tier.recovered.objects.empty());
  CHECK(tier.engine->superblock().uuid == uuid);
  const Sequence location = tier.put(1, 3, 5000);
  tier.crash();
  CHECK(tier.recovered.objects.size() == 1);
  CHECK(tier.has(1, 3, 5000, location));
}

TEST_CASE("what could not be read is counted and named") {
  Tier tier;
  const Sequence bad = tier.put(1, 1, 5000);
  const std::string name = file_of(tier, bad, 5000);
  tier.files->corrupt(name, tier.engine->find(bad)->offset() + 4999);
  std::vector<std::byte> bytes(5000);
  CHECK(tier.read(bad, bytes) == EBADMSG);
  const std::string id = id_of(make_object(1, 1, 1).head).hex();
  CHECK_THAT(errors_of(tier), Catch::Contains("object " + id + " is damaged: its record in " + name));
  tier.files->spoil(name, 0, 1 << 20);
  CHECK(tier.read(bad, bytes) == EIO);
  CHECK_THAT(errors_of(tier), Catch::Contains("read object " + id + " from " + name));
  CHECK(tier.engine->report().damaged == 1);
  CHECK(tier.engine->report().unreadable == 1);
  CHECK(tier.engine->report().read_errors == 2);
}

TEST_CASE("an own file that was dropped and cannot be removed does not come back after its successor was dropped") {
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    Tier tier;
    tier.put(2, 3, 100);
    const Sequence first = tier.put(1, 1, kOwnFile);
    tier.files->faults.unlink_error_in = 1;
    tier.engine->drop(first);
    tier.step();
    const Sequence second = tier.put(1, 2, 100);
    tier.drop(second);
    tier.engine->compact();
    wait(tier);
    auto image = tier.files->crash(seed);
    tier.engine.reset();
    tier.files = std::move(image);
    tier.open();
    CAPTURE(seed);
    CHECK(tier.recovered.objects.size() == 1);
  }
}

TEST_CASE("after a failed sync of a large object, no other one is begun while its file has a name") {
  Tier tier;
  tier.files->faults.sync_error_in = 2;  // of its head
  tier.files->faults.unlink_error_in = 1;
  CHECK(tier.write(make_object(1, 1, kOwnFile)).first == EIO);
  tier.now += 2'000'000'000;
  CHECK(tier.write(make_object(2, 2, kOwnFile)).first == 0);
  std::size_t own = 0;
  for (const std::string& name : tier.files->names()) own += dolium::spill::object_number(name) != 0 ? 1 : 0;
  CHECK(own == 1);
}
