// The tables of a store that fills become large pages, while an event loop runs.

#include "daemon/server/warmer.h"

#include <spdlog/sinks/null_sink.h>

#include <catch2/catch.hpp>

#include "shm/os/basic_types.h"
#include "shm/table/index_layout.h"
#include "tests/shm/large_memory.h"
#include "tests/shm/store_fixture.h"

namespace dolium::daemon {
namespace {

using namespace shm;

constexpr std::uint64_t kPatienceMs = 20'000;
constexpr std::uint64_t kRows = kHugePageBytes / sizeof(Slot);

bool kernel_makes_large_pages() {
  const Segment segment = Segment::create("sample", kHugePageBytes).value();
  const Mapping memory = segment.map(Mapping::Mode::read_write).value();
  *memory.data() = std::byte{1};  // of what nobody has touched it makes none
  return static_cast<bool>(make_large_pages({memory.data(), memory.size()}));
}

/// Runs a loop with a warmer until there are large pages in the index, or nothing has happened for long.
bool index_becomes_large(Store& store, std::uint64_t patience_ms) {
  const auto loop = EventLoop::create().value();
  spdlog::logger log("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  Warmer warmer(*loop, store, log);
  auto end = Timer::create(*loop, [&] { loop->stop(); }).value();
  end.start_once(patience_ms);
  const auto each_turn = BeforeWait::create(*loop, [&] {
                           warmer.go_on();
                           if (shm::test::large_kib("dolium-index") != 0) loop->stop();
                         }).value();
  loop->run();
  return shm::test::large_kib("dolium-index") != 0;
}

}  // namespace

TEST_CASE("the warmer makes large pages of tables that are in use, where it shall") {
  if (!kernel_makes_large_pages()) {
    WARN("this kernel makes no large pages");
    return;
  }
  const bool shall = GENERATE(true, false);
  shm::test::StoreFixture fixture({.capacity = 16 * shm::test::kMiB, .max_objects = 1 << 17, .prefault = shall});
  fixture.fill(kRows, 1);
  if (shm::test::large_kib("dolium-index") != 0) {
    WARN("this kernel makes large pages of all shared memory by itself");
    return;
  }
  constexpr std::uint64_t kSomeTurnsMs = 50;
  CHECK(index_becomes_large(fixture.store, shall ? kPatienceMs : kSomeTurnsMs) == shall);
}

}  // namespace dolium::daemon
