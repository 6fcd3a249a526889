#pragma once
// CrashModel: a spill tier on a MemoryFiles, and beside it a plain record of what was asked and what was told. A seed
// decides what is asked, in which order the disk works, and what fails.
//
//   wanted    written, and told so: it must be there, byte for byte, after any crash
//   open      asked for, not told: a crash decides
//   leaving   dropped, not told, or its write has failed: a crash decides, unless a younger object of the id was told:
//   then it is gone gone      must never be seen again

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "daemon/spill/engine.h"
#include "tests/spill/memory_files.h"

namespace dolium::test {

/// An object that can be made again from a number.
struct TestObject {
  spill::RecordHead head;
  std::vector<std::byte> bytes;
};
[[nodiscard]] TestObject make_object(std::uint64_t id, std::uint64_t stamp, std::size_t size);

/// Small files, so that few operations reach every case.
[[nodiscard]] spill::EngineOptions small_options(std::uint64_t capacity);
[[nodiscard]] inline spill::Machine test_machine() {
  return {"machine", "host", false};
}

struct CrashFigures {
  std::uint64_t crashes = 0, kills = 0, restarts = 0, written = 0, dropped = 0, clears = 0, undecided_back = 0,
                failed = 0, compacted = 0, moved = 0, found = 0;
};

class CrashModel {
 public:
  /// With a lie, what is lost or comes back is counted in CrashFigures::found, and is no failure.
  CrashModel(std::uint64_t seed, CrashFigures& figures, MemoryFiles::Lie lie = MemoryFiles::Lie::none);
  /// Some operations, a crash of the host, a check; several times, on the same disk.
  void run();

 private:
  enum class State : std::uint8_t { open, wanted, leaving, gone };
  struct Version {
    State state = State::open;
    std::uint64_t id = 0;
    std::uint64_t stamp = 0;
    std::size_t size = 0;
    spill::Sequence location = 0;
    bool by_this_store = true;
  };

  void run_rounds();
  void open();
  void act();
  void choose_faults();
  void write();
  void drop();
  void clear();
  void read_one();
  void settle();
  void crash();
  void kill();
  void stop_cleanly();
  void take_in(spill::Recovered recovered);
  void check_all();
  void expect(bool holds);
  void step(bool wait);
  [[nodiscard]] std::uint64_t random(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] Version* current(std::uint64_t id);
  void on_written(std::uint64_t stamp, int error, spill::Sequence location);

  CrashFigures& figures_;
  std::mt19937_64 random_;
  std::unique_ptr<MemoryFiles> files_;
  std::unique_ptr<spill::Engine> engine_;
  std::map<std::uint64_t, Version> versions_;  // by stamp, which rises
  std::map<std::uint64_t, std::shared_ptr<TestObject>> writing_;
  std::uint64_t last_stamp_ = 0;
  shm::TimeNs now_ = 1;
  spill::Incarnation incarnation_{1, 2};
};

}  // namespace dolium::test
