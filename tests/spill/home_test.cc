#include "daemon/spill/home.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/spill/tier_fixture.h"

namespace {

using namespace dolium::test;
using dolium::spill::Home;
using dolium::spill::Machine;
using dolium::spill::OpenMode;

std::string refusal(MemoryFiles& files, const Machine& machine) {
  const auto home = Home::open(files, machine);
  return home ? "" : home.error().message;
}

void make_file(MemoryFiles& files, const std::string& name) {
  REQUIRE(files.open(name, OpenMode::small));
}

}  // namespace

TEST_CASE("a spill directory of another host is refused by name, and can be adopted") {
  MemoryFiles files(1);
  REQUIRE(Home::open(files, {"aaaa", "first", false}));
  CHECK_THAT(refusal(files, {"bbbb", "second", false}),
             Catch::Contains("belongs to the host \"first\" (machine id aaaa), and this is \"second\" (bbbb)"));
  CHECK(refusal(files, {"", "second", false}).empty());
  CHECK(refusal(files, {"bbbb", "second", true}).empty());
  CHECK(refusal(files, {"bbbb", "second", false}).empty());
}

TEST_CASE("a spill directory with other files, or with objects and no superblock, is refused") {
  MemoryFiles used(1);
  make_file(used, "thesis.txt");
  CHECK_THAT(refusal(used, test_machine()), Catch::Contains("has other files (thesis.txt): use an empty directory"));
  MemoryFiles lost(1);
  make_file(lost, "segment-00000001");
  CHECK_THAT(refusal(lost, test_machine()), Catch::Contains("has objects (segment-00000001), but no superblock"));
  MemoryFiles fresh(1);
  make_file(fresh, "lock");
  make_file(fresh, "lost+found");
  CHECK(refusal(fresh, test_machine()).empty());
}

TEST_CASE("a superblock of another format, a damaged and a foreign one are refused") {
  MemoryFiles files(1);
  REQUIRE(Home::open(files, test_machine()));
  files.corrupt("superblock", 30);
  CHECK_THAT(refusal(files, test_machine()), Catch::Contains("damaged (wrong checksum)"));
  files.corrupt("superblock", 30);
  files.corrupt("superblock", 9);
  CHECK_THAT(refusal(files, test_machine()), Catch::Contains("has format 257, and this version reads format 1 only"));
  files.corrupt("superblock", 9);
  files.corrupt("superblock", 0);
  CHECK_THAT(refusal(files, test_machine()), Catch::Contains("is not one of Dolium"));
}

TEST_CASE("each opening numbers its records anew, and the store's number is remembered") {
  MemoryFiles files(1);
  const auto first = Home::open(files, test_machine());
  auto second = Home::open(files, test_machine());
  REQUIRE((first && second));
  CHECK(second->first_sequence() > first->first_sequence());
  CHECK(second->superblock().uuid == first->superblock().uuid);
  REQUIRE(second->adopt(files, {5, 6}));
  auto image = files.crash(3);
  const auto third = Home::open(*image, test_machine());
  REQUIRE(third);
  CHECK(third->superblock().incarnation == dolium::spill::Incarnation{5, 6});
}
