// The real file layer, on a directory of this machine's disk, with io_uring and with threads.

#include "daemon/spill/disk_files.h"

#include <sys/stat.h>
#include <catch2/catch.hpp>
#include <filesystem>

#include "daemon/spill/engine.h"
#include "tests/spill/crash_model.h"
#include "tests/temporary_directory.h"

namespace {

using namespace dolium;
using namespace dolium::test;
using spill::DiskFiles;
using spill::Engine;
using spill::IoChoice;
using spill::Sequence;

/// On a disk: /tmp may be in memory.
constexpr const char* kFilesDisk = "/var/tmp";

void settle(Engine& engine) {
  for (int steps = 0; steps < 100000 && !engine.is_idle(); ++steps) engine.step(static_cast<shm::TimeNs>(steps), true);
  REQUIRE(engine.is_idle());
}

std::unique_ptr<DiskFiles> open_files(const std::string& path, IoChoice io) {
  auto files = DiskFiles::open(path, io);
  if (!files) FAIL(files.error().message);
  return *std::move(files);
}

std::unique_ptr<Engine> open_engine(DiskFiles& files) {
  const spill::Geometry geometry{.segment_bytes = 4 << 20, .own_file_bytes = 1 << 20, .chunk_bytes = 256 << 10};
  auto engine = Engine::open(files, {.capacity = UINT64_MAX, .geometry = geometry}, test_machine());
  if (!engine) FAIL(engine.error().message);
  REQUIRE((*engine)->adopt({1, 2}));
  return *std::move(engine);
}

/// Objects of many sizes, written, read, and read again by another engine.
void round_trip(IoChoice io, std::string_view name) {
  const TemporaryDirectory directory(kFilesDisk);
  const std::vector<std::size_t> sizes = {0, 1, 4096, 100'000, 1'000'000, 1 << 20, 20'000'001};
  std::vector<TestObject> objects;
  std::vector<Sequence> locations(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) objects.push_back(make_object(i, i, sizes[i]));
  auto files = open_files(directory.path(), io);
  if (io != IoChoice::automatic) CHECK(files->io_name() == name);
  for (int pass = 0; pass < 2; ++pass) {
    const auto engine = open_engine(*files);
    CHECK(engine->take_recovered().objects.size() == (pass == 0 ? 0 : sizes.size()));
    for (std::size_t i = 0; pass == 0 && i < sizes.size(); ++i)
      engine->write(objects[i].head, objects[i].bytes, [&, i](int error, Sequence location) {
        CHECK(error == 0);
        locations[i] = location;
      });
    settle(*engine);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      std::vector<std::byte> bytes(sizes[i]);
      int told = -1;
      engine->read(locations[i], bytes, [&](int error) { told = error; });
      settle(*engine);
      CHECK(told == 0);
      CHECK((bytes == objects[i].bytes));
    }
    engine->finish();
    settle(*engine);
  }
}

}  // namespace

TEST_CASE("a real directory keeps objects of all sizes with threads") {
  round_trip(IoChoice::threads, "threads");
}

TEST_CASE("a real directory keeps objects of all sizes with io_uring") {
  if (!spill::make_uring_io()) {
    WARN("io_uring is forbidden here");
    return;
  }
  round_trip(IoChoice::io_uring, "io_uring");
}

TEST_CASE("the automatic choice of I/O always works") {
  round_trip(IoChoice::automatic, {});
}

TEST_CASE("files of a spill directory can be read by their owner alone") {
  const TemporaryDirectory directory(kFilesDisk);
  const auto files = open_files(directory.path(), IoChoice::threads);
  const auto engine = open_engine(*files);
  settle(*engine);
  for (const auto& each : std::filesystem::directory_iterator(directory.path())) {
    struct stat info {};
    REQUIRE(::stat(each.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
}
