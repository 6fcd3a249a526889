// The configuration of the spill tier, changed while the store runs.

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/client/store_under_test.h"
#include "tests/e2e/spill_daemon.h"
#include "tests/temporary_directory.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

TEST_CASE("a new capacity of the spill directory takes effect with --replace, and all objects stay") {
  const TemporaryDirectory disk("/var/tmp");
  const auto configuration = [&](const std::string& capacity) {
    return "[spill]\ndirectory = \"" + disk.path().string() + "\"\ncapacity = \"" + capacity +
           "\"\nretention = \"keep\"\n";
  };
  const TemporaryDirectory directory;
  const std::string file = (directory.path() / "doliumd.toml").string();
  std::ofstream(file) << configuration("1GiB");
  Daemon daemon({"--config=" + file, "--capacity=16MiB"});
  const auto has_capacity = [&](std::uint64_t bytes) {
    const auto tier = daemon.stats().tier;
    return tier && tier->state == SpillTierState::ready && tier->capacity_bytes == bytes;
  };
  REQUIRE(eventually([&] { return has_capacity(std::uint64_t{1} << 30); }));
  for (std::uint64_t n = 0; n < 12; ++n)  // more than the memory
    REQUIRE(outcome(daemon.watcher()->put(id_of(n), pattern(2'000'000, static_cast<std::uint32_t>(n)),
                                          {.timeout = std::chrono::seconds(30)})) == "ok");
  std::ofstream(file) << configuration("2GiB");
  const Finished replaced =
      run_to_end({daemon.command().front(), "--replace", "--socket", daemon.socket(), "--config", file});
  CAPTURE(replaced.output);
  REQUIRE(replaced.how == "exit 0");
  CHECK(eventually([&] { return has_capacity(std::uint64_t{2} << 30); }));
  CHECK_THAT(daemon.log(), Catch::Contains("the configuration has changed: its size may be 2 GiB now"));
  for (std::uint64_t n = 0; n < 12; ++n) {
    const auto object = daemon.watcher()->get_raw(id_of(n), std::chrono::seconds(30));
    REQUIRE(outcome(object) == "ok");
    CHECK(same(object->data(), pattern(2'000'000, static_cast<std::uint32_t>(n))));
  }
}

TEST_CASE("the spill process logs where the daemon does, what others do to its files too, and opens its log again") {
  const TemporaryDirectory logs;
  const std::filesystem::path file = logs.path() / "doliumd.log";
  SpillDaemon daemon({"--capacity=16MiB", "--spill-write-after=0s", "--log-file=" + file.string()});
  daemon.await_all();
  const auto says = [](const std::filesystem::path& path, const std::string& words) {
    std::ifstream stream(path);
    return std::string(std::istreambuf_iterator<char>(stream), {}).find(words) != std::string::npos;
  };
  REQUIRE(outcome(daemon->watcher()->put(id_of(1), pattern(100'000), {.retention = Retention::keep})) == "ok");
  REQUIRE(outcome(daemon.write_all()) == "ok");
  for (const auto& entry : std::filesystem::directory_iterator(daemon.directory()))
    if (entry.path().filename().string().starts_with("segment-")) std::filesystem::remove(entry.path());
  CHECK(eventually([&] { return says(file, "was removed by another process: its 1 objects are copied"); }));
  const pid_t spiller = daemon.spiller();
  std::filesystem::rename(file, logs.path() / "doliumd.log.1");
  daemon->process().signal(SIGUSR1);
  REQUIRE(eventually([&] { return std::filesystem::exists(file); }));
  std::filesystem::remove(std::filesystem::path(daemon.directory()) / "superblock");
  std::filesystem::remove(std::filesystem::path(daemon.directory()) / "lock");
  CHECK(eventually([&] { return says(file, "superblock was removed by another process: it is written again"); }));
  CHECK(eventually([&] { return says(file, "/lock was removed by another process: it is made and locked again"); }));
  CHECK(daemon.spiller() == spiller);
  const auto object = daemon->watcher()->get_raw(id_of(1), std::chrono::seconds(30));
  REQUIRE(outcome(object) == "ok");
  CHECK(same(object->data(), pattern(100'000)));
}
