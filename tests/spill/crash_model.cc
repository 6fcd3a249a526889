#include "tests/spill/crash_model.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <set>

namespace dolium::test {

using spill::Engine;
using spill::RecordHead;
using spill::Sequence;

namespace {

constexpr std::uint64_t kIds = 12;
constexpr std::uint64_t kCapacity = 40 * 64 * 1024;
constexpr int kRounds = 5;

/// Not even the directory can be opened after a crash.
struct LostDirectory {};

}  // namespace

TestObject make_object(std::uint64_t id, std::uint64_t stamp, std::size_t size) {
  TestObject out;
  std::memcpy(out.head.id.data(), &id, sizeof(id));
  out.head.stamp = stamp;
  out.head.type_tag = id * 31;
  out.head.uid = 7;
  out.head.time_to_live_ms = stamp + 1;
  out.head.metadata_size = static_cast<std::uint32_t>(size / 4);
  out.head.type_name_size = size > 16 ? 3 : 0;
  out.head.label_size = size > 16 ? 5 : 0;
  out.head.data_size = size - out.head.metadata_size - out.head.type_name_size - out.head.label_size;
  out.bytes.resize(size);
  std::uint64_t word = id * 1000003 + stamp;
  for (std::byte& each : out.bytes) {
    word = word * 6364136223846793005U + 1442695040888963407U;
    each = static_cast<std::byte>(word >> 56);
  }
  return out;
}

spill::EngineOptions small_options(std::uint64_t capacity) {
  return {.capacity = capacity,
          .geometry = {.segment_bytes = 64 * 1024, .own_file_bytes = 20000, .chunk_bytes = 16384}};
}

CrashModel::CrashModel(std::uint64_t seed, CrashFigures& figures, MemoryFiles::Lie lie)
    : figures_(figures), random_(seed), files_(std::make_unique<MemoryFiles>(seed)) {
  files_->lie = lie;
}

void CrashModel::expect(bool holds) {
  if (files_->lie == MemoryFiles::Lie::none)
    CHECK(holds);
  else if (!holds)
    ++figures_.found;
}

void CrashModel::run() {
  try {
    run_rounds();
  } catch (const LostDirectory&) {
    ++figures_.found;
  }
}

void CrashModel::run_rounds() {
  for (int round = 0; round < kRounds; ++round) {
    open();
    choose_faults();
    const std::uint64_t actions = 5 + random(60);
    for (std::uint64_t action = 0; action < actions; ++action) act();
    if (random(4) == 0) files_->faults = {};
    if (random(3) == 0) settle();
    switch (random(6)) {
      case 0: stop_cleanly(); break;
      case 1: kill(); break;
      default: crash();
    }
  }
  open();
  settle();
  check_all();
}

void CrashModel::open() {
  auto opened = Engine::open(*files_, small_options(kCapacity), test_machine());
  if (!opened && files_->lie != MemoryFiles::Lie::none) throw LostDirectory();
  if (!opened) FAIL(opened.error().message);
  engine_ = *std::move(opened);
  take_in(engine_->take_recovered());
  if (random(3) == 0) ++incarnation_[0];
  REQUIRE(engine_->adopt(incarnation_));
  for (auto& [stamp, version] : versions_)
    if (engine_->find(version.location) != nullptr)
      version.by_this_store = engine_->find(version.location)->incarnation == incarnation_;
}

void CrashModel::choose_faults() {
  files_->faults = {};
  const int soon = static_cast<int>(1 + random(20));
  switch (random(10)) {
    case 0: files_->faults.write_error_in = soon; break;
    case 1: files_->faults.sync_error_in = soon; break;
    case 2: files_->faults.write_error_in = soon, files_->faults.write_error = ENOSPC; break;
    case 3: files_->faults.allocate_error_in = 1 + soon / 4; break;
    case 4: files_->faults.unlink_error_in = 1 + soon / 8; break;
    case 5: files_->faults.directory_error_in = 1 + soon / 4; break;
    default: break;
  }
  if (random(3) == 0) files_->faults.short_write = files_->faults.short_read = 0.2;
}

void CrashModel::act() {
  switch (random(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: write(); break;
    case 6:
    case 7:
    case 8: drop(); break;
    case 9: read_one(); break;
    case 10:
      if (random(6) == 0) clear();
      break;
    case 11:
      engine_->compact();
      ++figures_.compacted;
      break;
    case 12: now_ += 400'000'000; break;
    default: break;
  }
  for (std::uint64_t steps = random(8); steps != 0; --steps) step(random(2) == 0);
}

void CrashModel::step(bool wait) {
  now_ += 10'000'000;
  engine_->step(now_, wait);
}

CrashModel::Version* CrashModel::current(std::uint64_t id) {
  for (auto& [stamp, version] : versions_)
    if (version.id == id && (version.state == State::open || version.state == State::wanted)) return &version;
  return nullptr;
}

/// As the server: an object of an id is written when the id is free.
void CrashModel::write() {
  const std::uint64_t id = random(kIds);
  if (current(id) != nullptr) return;
  const std::uint64_t stamp = ++last_stamp_;
  const std::size_t size = random(8) == 0 ? 20000 + random(30000) : random(6) == 0 ? random(19000) : random(900);
  versions_[stamp] = {State::open, id, stamp, size, 0, true};
  const auto object = std::make_shared<TestObject>(make_object(id, stamp, size));
  writing_[stamp] = object;
  engine_->write(object->head, object->bytes,
                 [this, stamp](int error, Sequence location) { on_written(stamp, error, location); });
}

void CrashModel::on_written(std::uint64_t stamp, int error, Sequence location) {
  Version& version = versions_.at(stamp);
  writing_.erase(stamp);
  if (error != 0) {
    ++figures_.failed;
    version.state = State::leaving;  // dirty in the store: if its tombstone fails, too, a crash decides
    return;
  }
  ++figures_.written;
  version.state = State::wanted;
  version.location = location;
  for (auto& [older, other] : versions_)  // an older one must not come back any more
    if (older < stamp && other.id == version.id) other.state = State::gone;
}

void CrashModel::drop() {
  Version* version = current(random(kIds));
  if (version == nullptr || version->state != State::wanted) return;
  version->state = State::leaving;
  ++figures_.dropped;
  engine_->drop(version->location, [this, stamp = version->stamp] { versions_.at(stamp).state = State::gone; });
}

void CrashModel::clear() {
  ++figures_.clears;
  std::vector<std::uint64_t> cleared;
  const std::uint64_t through = last_stamp_ - std::min<std::uint64_t>(random(4), last_stamp_);
  for (auto& [stamp, version] : versions_) {
    if (version.state != State::wanted || (version.by_this_store && stamp > through)) continue;
    version.state = State::leaving;
    cleared.push_back(stamp);
  }
  engine_->clear(through, [this, cleared] {
    for (const std::uint64_t stamp : cleared) versions_.at(stamp).state = State::gone;
  });
}

void CrashModel::read_one() {
  Version* version = current(random(kIds));
  if (version == nullptr || version->state != State::wanted) return;
  const TestObject object = make_object(version->id, version->stamp, version->size);
  std::vector<std::byte> bytes(version->size);
  bool answered = false;
  engine_->read(version->location, bytes, [&](int error) {
    answered = true;
    expect(error == 0);
  });
  for (int steps = 0; !answered && steps < 1000; ++steps) step(true);
  REQUIRE(answered);
  expect(bytes == object.bytes);
}

void CrashModel::settle() {
  files_->faults = {};
  for (int steps = 0; steps < 5000; ++steps) {
    step(true);
    if (engine_->is_idle() && steps > 50) return;
    now_ += 50'000'000;
  }
  FAIL("the engine does not come to rest");
}

void CrashModel::crash() {
  ++figures_.crashes;
  auto image = files_->crash(random_());
  figures_.moved += engine_->report().compacted_bytes;
  engine_.reset();
  writing_.clear();
  files_ = std::move(image);
}

/// The process alone dies. What it had written, and not synced, must be safe before the next one tells of it.
void CrashModel::kill() {
  ++figures_.kills;
  files_->kill();
  files_->faults = {};
  engine_.reset();
  writing_.clear();
}

void CrashModel::stop_cleanly() {
  ++figures_.restarts;
  files_->faults = {};
  engine_->finish();
  settle();
  engine_.reset();
}

/// What was undecided is decided now.
void CrashModel::take_in(spill::Recovered recovered) {
  std::set<std::uint64_t> seen;
  std::set<std::uint64_t> ids;
  for (const spill::LiveRecord& each : recovered.objects) {
    const std::uint64_t stamp = each.head.stamp;
    REQUIRE(versions_.contains(stamp));
    Version& version = versions_.at(stamp);
    CAPTURE(stamp, version.id, each.head.sequence, each.file, static_cast<int>(version.state));
    expect(version.state != State::gone);
    CHECK(seen.insert(stamp).second);
    CHECK(ids.insert(version.id).second);
    RecordHead expected = make_object(version.id, stamp, version.size).head;
    CHECK(expected.id == each.head.id);
    CHECK(expected.data_size == each.head.data_size);
    CHECK(expected.time_to_live_ms == each.head.time_to_live_ms);
    if (version.location != 0) CHECK(version.location == each.head.sequence);
    if (version.state != State::wanted) ++figures_.undecided_back;
    version.state = State::wanted;
    version.location = each.head.sequence;
  }
  for (auto& [stamp, version] : versions_) {
    CAPTURE(stamp, version.id, version.location, version.size);
    if (version.state == State::wanted) expect(seen.contains(stamp));
    if (!seen.contains(stamp)) version.state = State::gone;
  }
}

void CrashModel::check_all() {
  std::size_t wanted = 0;
  for (const auto& [stamp, version] : versions_) {
    if (version.state != State::wanted) continue;
    ++wanted;
    const TestObject object = make_object(version.id, stamp, version.size);
    std::vector<std::byte> bytes(version.size);
    int answer = -1;
    engine_->read(version.location, bytes, [&](int error) { answer = error; });
    for (int steps = 0; answer < 0 && steps < 1000; ++steps) step(true);
    expect(answer == 0);
    expect(bytes == object.bytes);
  }
  CHECK(engine_->report().records == wanted);
  engine_.reset();
}

}  // namespace dolium::test
