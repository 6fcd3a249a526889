// Renewed pages are new pages, all of them or none, and scarce memory is not taken.

#include "shm/os/page_renewal.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "shm/arena/arena_memory.h"
#include "tests/shm/page_pin.h"
#include "tests/shm/short_host.h"
#include "tests/shm/test_values.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {}  // namespace

TEST_CASE("a dead writer's I/O: renewed pages are others than those it writes to") {
  const Segment segment = Segment::create("sample", 8 * kPageBytes).value();
  const Mapping memory = segment.map(Mapping::Mode::read_write).value();
  std::memset(memory.data(), 1, memory.size());
  const PagePin pin({memory.data(), memory.size()});
  const Renewal renewal = renew_pages(segment, kPageBytes, 7 * kPageBytes, false);
  CHECK(renewal.replaced);
  CHECK(renewal.reserved.has_value());
  CHECK(all({memory.data() + kPageBytes, 6 * kPageBytes}, 0));
  std::memset(memory.data(), 2, memory.size());
  // The pages on both sides are the same ones still.
  const std::vector<std::byte> seen = pin.read();
  const std::span<const std::byte> pages(seen);
  CHECK(all(pages.first(kPageBytes), 2));
  CHECK(all(pages.subspan(kPageBytes, 6 * kPageBytes), 1));
  CHECK(all(pages.last(kPageBytes), 2));
}

TEST_CASE("a dead writer's I/O: a part of a large page that cannot be split off is not taken for renewed") {
  const Segment segment = Segment::create("sample", 2 * kHugePageBytes).value();
  const Mapping memory = segment.map(Mapping::Mode::read_write).value();
  std::memset(memory.data(), 1, memory.size());
  if (!memory.collapse(0, 2 * kHugePageBytes)) {
    WARN("this kernel makes no large pages of shared memory: skipped");
    return;
  }
  const PagePin pin({memory.data() + kHugePageBytes - kPageBytes, 2 * kPageBytes});  // one page of each
  const Renewal part = renew_pages(segment, kMiB, kHugePageBytes, false);
  REQUIRE(part.reserved.has_value());
  const Renewal whole = renew_pages(segment, kHugePageBytes, 2 * kHugePageBytes, false);
  REQUIRE(whole.reserved.has_value());
  CHECK(whole.replaced);
  std::memset(memory.data(), 3, memory.size());
  const std::vector<std::byte> seen = pin.read();
  // Whatever this kernel does, what it said must be true.
  CHECK(part.replaced == !all(std::span(seen).first(kPageBytes), 3));
  CHECK(all(std::span(seen).last(kPageBytes), 1));
}

TEST_CASE("a dead writer's I/O: memory that is short is not reserved again, and is when it is there") {
  const Segment segment = Segment::create("sample", kMiB).value();
  REQUIRE(segment.reserve(0, kMiB));
  const ShortHost short_of_memory("1000");
  const Renewal refused = renew_pages(segment, 0, kMiB, false, short_of_memory.query());
  REQUIRE_FALSE(refused.reserved.has_value());
  CHECK(refused.reserved.error().code == Errc::out_of_memory);
  CHECK_THAT(refused.reserved.error().message, Catch::Contains("1 MiB") && Catch::Contains("1000 KiB left"));
  const ShortHost enough("1008");  // and 16 kB of swap
  CHECK(renew_pages(segment, 0, kMiB, false, enough.query()).reserved.has_value());
}

TEST_CASE("a dead writer's I/O: huge pages of the pool are renewed by 2 MiB") {
  StoreConfig config;
  config.capacity = 2 * kHugePageBytes;
  config.huge_pages = true;
  const Result<ArenaMemory> memory = ArenaMemory::create(config);
  if (!memory) {
    WARN("no huge pages are set apart on this machine (vm.nr_hugepages): skipped");
    return;
  }
  CHECK(memory->page_bytes() == kHugePageBytes);
  std::memset(memory->bytes(0, 1).data(), 1, config.capacity);
  const PagePin pin(memory->bytes(0, kPageBytes));
  const Renewal renewal = memory->renew({0, kHugePageBytes});
  CHECK(renewal.replaced);
  REQUIRE(renewal.reserved.has_value());
  CHECK(all(memory->bytes(0, kHugePageBytes), 0));
  CHECK(all(memory->bytes(kHugePageBytes, kHugePageBytes), 1));
  CHECK(all(pin.read(), 1));
}
