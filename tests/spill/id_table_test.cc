#include "daemon/spill/id_table.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace dolium::spill;

namespace {

/// Ids that differ in a few bits, at either end.
IdTable::Id id_of_number(std::uint32_t number) {
  IdTable::Id id{};
  id.front() = static_cast<unsigned char>(number);
  id.back() = static_cast<unsigned char>(number >> 8);
  id[1] = static_cast<unsigned char>(number >> 16);
  return id;
}

}  // namespace

TEST_CASE("each id has one position") {
  constexpr std::uint32_t kRecords = 100'000;
  std::mt19937 random(7);
  std::vector<IdTable::Id> records;
  for (std::uint32_t i = 0; i < kRecords; ++i)
    records.push_back(id_of_number(static_cast<std::uint32_t>(random() % (kRecords / 2))));
  std::map<IdTable::Id, std::uint32_t> last;
  IdTable table(kRecords, {1, 2});
  const auto id_at = [&](std::uint32_t position) -> const IdTable::Id& { return records[position]; };
  for (std::uint32_t i = 0; i < kRecords; ++i) {
    std::uint32_t& position = table.position(records[i], table.prefetch(records[i]), id_at);
    const auto known = last.find(records[i]);
    REQUIRE(position == (known == last.end() ? IdTable::kNone : known->second));
    position = i;
    last[records[i]] = i;
  }
  for (const auto& [id, position] : last) CHECK(table.position(id, table.prefetch(id), id_at) == position);
}

TEST_CASE("a table for as many ids as there are is never full, also for none") {
  for (const std::uint32_t count : {0U, 1U, 2U, 3U, 1000U}) {
    std::vector<IdTable::Id> records;
    IdTable table(count, {3, 4});
    for (std::uint32_t i = 0; i < count; ++i) records.push_back(id_of_number(i));
    const auto id_at = [&](std::uint32_t position) { return records[position]; };
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint32_t& position = table.position(records[i], table.prefetch(records[i]), id_at);
      CHECK(position == IdTable::kNone);
      position = i;
    }
    const IdTable::Id other = id_of_number(count);
    CHECK(table.position(other, table.prefetch(other), id_at) == IdTable::kNone);
  }
}
