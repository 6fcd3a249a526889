#include "daemon/spill/file_table.h"

#include <catch2/catch.hpp>

namespace {

using namespace dolium::spill;

constexpr Incarnation kStore{1, 2};

}  // namespace

TEST_CASE("a clear record replaces the tombstones of the files that it covers, and not those of later files") {
  FileTable table;
  table.add({.number = 5});
  table.add({.number = 6});
  table.set_clear({.sequence = 10, .stamp = 100, .incarnation = kStore, .through = 5, .home = 6});
  const Tombstone covered{.id = {}, .names = 5, .sequence = 9, .stamp = 100, .incarnation = kStore};
  Tombstone later = covered;  // of a copy that was under way
  later.names = 6;
  Tombstone after = covered;
  after.sequence = 11;
  CHECK_FALSE(table.is_needed(covered));
  CHECK(table.is_needed(later));
  CHECK(table.is_needed(after));
  table.erase(6);
  CHECK_FALSE(table.is_needed(later));
}
