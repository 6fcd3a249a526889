#pragma once
// A spill engine on a MemoryFiles, driven to rest, for tests of its parts.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/spill/engine.h"
#include "tests/spill/crash_model.h"
#include "tests/spill/memory_files.h"

namespace dolium::test {

struct Tier {
  std::unique_ptr<MemoryFiles> files = std::make_unique<MemoryFiles>(1);
  std::unique_ptr<spill::Engine> engine;
  spill::EngineOptions options = small_options(UINT64_MAX);
  spill::Recovered recovered;
  shm::TimeNs now = 1;

  Tier() { open(); }
  explicit Tier(std::uint64_t capacity) : options(small_options(capacity)) { open(); }
  explicit Tier(const spill::EngineOptions& given) : options(given) { open(); }

  void open() {
    engine.reset();
    auto opened = spill::Engine::open(*files, options, test_machine());
    if (!opened) FAIL(opened.error().message);
    engine = *std::move(opened);
    recovered = engine->take_recovered();
    REQUIRE(engine->adopt({1, 2}));
  }
  /// An orderly end; the engine is closed.
  void stop() {
    engine->finish();
    settle();
    engine->leave_list();
    engine.reset();
  }
  /// The host crashes.
  void crash(std::uint64_t seed = 7) {
    auto image = files->crash(seed);
    engine.reset();
    files = std::move(image);
    open();
  }
  /// The process is killed: what it has written is there.
  void kill() {
    engine.reset();
    files->kill();
    open();
  }
  void step() {
    now += 50'000'000;
    engine->step(now, true);
  }
  void settle() {
    for (int steps = 0; steps < 6000; ++steps) {
      step();
      if (engine->is_idle() && steps > 60) return;
    }
    FAIL("the engine does not come to rest");
  }
  /// The errno and the location that were told.
  std::pair<int, spill::Sequence> write(const TestObject& object) {
    std::pair<int, spill::Sequence> told{-1, 0};
    engine->write(object.head, object.bytes, [&](int error, spill::Sequence location) { told = {error, location}; });
    for (int steps = 0; told.first < 0 && steps < 3000; ++steps) step();
    REQUIRE(told.first >= 0);
    return told;
  }
  spill::Sequence put(std::uint64_t id, std::uint64_t stamp, std::size_t size) {
    const auto [error, location] = write(make_object(id, stamp, size));
    REQUIRE(error == 0);
    return location;
  }
  int read(spill::Sequence location, std::vector<std::byte>& into) {
    int told = -1;
    engine->read(location, into, [&](int error) { told = error; });
    for (int steps = 0; told < 0 && steps < 3000; ++steps) step();
    return told;
  }
  /// Whether this object is there, byte for byte.
  bool has(std::uint64_t id, std::uint64_t stamp, std::size_t size, spill::Sequence location) {
    std::vector<std::byte> bytes(size);
    return read(location, bytes) == 0 && bytes == make_object(id, stamp, size).bytes;
  }
  void drop(spill::Sequence location) {
    bool dropped = false;
    engine->drop(location, [&] { dropped = true; });
    for (int steps = 0; !dropped && steps < 3000; ++steps) step();
    REQUIRE(dropped);
  }
  [[nodiscard]] std::size_t segments() const {
    std::size_t count = 0;
    for (const std::string& name : files->names()) count += spill::segment_number(name) != 0 ? 1 : 0;
    return count;
  }
};

}  // namespace dolium::test
