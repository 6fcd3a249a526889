// Which pieces of tables become large pages, and when; and that they do.

#include "shm/os/large_pages.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <numeric>

#include "shm/os/basic_types.h"
#include "shm/os/segment.h"
#include "shm/table/index_layout.h"
#include "tests/shm/large_memory.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

/// Address space that nobody touches, some bytes behind a multiple of 2 MiB.
class Table {
 public:
  explicit Table(std::size_t behind)
      : memory_(Mapping::map(segment_.fd(), segment_.size(), Mapping::Mode::read_write, "table").value()),
        begin_(memory_.data() + behind) {}

  [[nodiscard]] LargePages::InUse in_use(const std::size_t& bytes) const {
    return [this, &bytes] { return std::span(begin_, bytes); };
  }
  [[nodiscard]] std::span<std::byte> piece(std::size_t nth) const {
    return {memory_.data() + nth * kHugePageBytes, kHugePageBytes};
  }

 private:
  Segment segment_ = Segment::create("table", 8 * kHugePageBytes).value();
  Mapping memory_;
  std::byte* begin_;
};

bool same(const std::optional<std::span<std::byte>>& piece, std::span<std::byte> expected) {
  return piece && piece->data() == expected.data() && piece->size() == expected.size();
}

}  // namespace

TEST_CASE("a table's pieces are named as they come into use, whole, and once") {
  const Table table(0);
  std::size_t bytes = kHugePageBytes - 1;
  LargePages pages;
  pages.add(table.in_use(bytes));
  CHECK_FALSE(pages.next());
  bytes = 3 * kHugePageBytes - 1;
  CHECK(same(pages.next(), table.piece(0)));
  CHECK(same(pages.next(), table.piece(1)));
  CHECK_FALSE(pages.next());
  ++bytes;
  CHECK(same(pages.next(), table.piece(2)));
  CHECK_FALSE(pages.next());
}

TEST_CASE("a table that begins inside a large page is left alone there") {
  const Table table(kPageBytes);
  std::size_t bytes = 2 * kHugePageBytes - kPageBytes - 1;
  LargePages pages;
  pages.add(table.in_use(bytes));
  CHECK_FALSE(pages.next());
  ++bytes;
  CHECK(same(pages.next(), table.piece(1)));
  CHECK_FALSE(pages.next());
}

TEST_CASE("each of several tables has its turn") {
  const Table first(0);
  const Table second(0);
  std::size_t some = kHugePageBytes;
  std::size_t none = 0;
  LargePages pages;
  pages.add(first.in_use(none));
  pages.add(second.in_use(some));
  CHECK(same(pages.next(), second.piece(0)));
  none = kHugePageBytes;
  CHECK(same(pages.next(), first.piece(0)));
  CHECK_FALSE(pages.next());
}

TEST_CASE("memory that becomes a large page keeps its bytes") {
  const Segment segment = Segment::create("kept table", 2 * kHugePageBytes).value();
  const Mapping writer = segment.map(Mapping::Mode::read_write).value();
  const Mapping reader = segment.map(Mapping::Mode::read_only).value();
  auto* const words = reinterpret_cast<std::uint64_t*>(writer.data());
  const std::span<std::uint64_t> all(words, 2 * kHugePageBytes / sizeof(*words));
  std::iota(all.begin(), all.end(), 0);
  if (const auto made = make_large_pages({writer.data(), writer.size()}); !made) {
    WARN("this kernel makes no large pages: " << made.error().message);
    return;
  }
  const auto* const read = reinterpret_cast<const std::uint64_t*>(reader.data());
  for (std::uint64_t i = 0; i < all.size(); ++i)
    if (read[i] != i) FAIL("word " << i << " became " << read[i]);
  CHECK(large_kib("kept table") == (writer.size() + reader.size()) / 1024);
}

TEST_CASE("a store names its tables for large pages as it fills") {
  StoreFixture fixture({.capacity = 16 * kMiB, .max_objects = 1 << 17});
  const std::span<std::byte> none;
  CHECK(fixture.store.room().next_large_page().value_or(none).empty());
  constexpr std::uint64_t kRows = kHugePageBytes / sizeof(Slot);
  fixture.fill(kRows, 1);  // with the buckets before them they fill the first piece of the index
  CHECK(fixture.store.room().next_large_page().value_or(none).size() == kHugePageBytes);
  CHECK(fixture.store.room().next_large_page().value_or(none).empty());
}
