// The spill tier's disk as an operator meets it: full, larger, read-only after an error, another daemon's, another
// host's; and a restart of the server beside it. The tests that need a file system of their own are skipped, in words,
// where that cannot be mounted.

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/client/store_under_test.h"
#include "tests/e2e/kept_objects.h"
#include "tests/e2e/launched_daemon.h"
#include "tests/e2e/loop_disk.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/spill_daemon.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::size_t kDiskBytes = 4'000'000;

std::vector<std::string> disk_flags() {
  return {"--capacity=64MiB", "--max-objects=1000", "--quarantine-seconds=0"};
}

bool is_there(Client& client, std::uint64_t number) {
  const Result<Object> object = client.get_raw(kept_id(number), kPatient);
  if (!object) UNSCOPED_INFO("object " << number << ": " << to_string(object.error()));
  return object && is_payload(object->data(), kept_id(number));
}

bool all_there(Client& client, std::uint64_t count) {
  for (std::uint64_t number = 0; number < count; ++number)
    if (!is_there(client, number)) return false;
  return true;
}

/// What another daemon says that cannot use its spill directory, and so ends. Waits for these words.
std::string disk_refusal(const std::vector<std::string>& with, const std::string& words) {
  const e2e::TemporaryDirectory home;
  const std::string log = home.path() / "log";
  const std::string socket = home.path() / "socket";
  const shm::UniqueFd out(::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  std::vector<std::string> command = {DOLIUM_DOLIUMD_PATH, "--socket", socket};
  command.insert(command.end(), with.begin(), with.end());
  Process daemon = Process::start(command, {.out = out.get(), .error = out.get()});
  const auto said = [&log] {
    std::ifstream file(log);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const bool in_time = eventually([&] { return said().find(words) != std::string::npos; });
  INFO("doliumd says:\n" << said());
  REQUIRE(in_time);
  CHECK_FALSE(Client::connect(socket, {.connect_timeout = no_wait}).has_value());
  CHECK(daemon.wait() == "exit 1");
  return said();
}

bool can_run(const LoopDisk& disk) {
  if (!disk.problem().empty()) WARN("skipped: " << disk.problem());
  return disk.problem().empty();
}

}  // namespace

TEST_CASE("a full spill disk refuses in words, keeps what it has, and takes more when it has grown") {
  constexpr std::uint64_t kDisk = 620 * kMiB;  // a segment beside the spare one, and not a second
  LoopDisk disk(kDisk);
  if (!can_run(disk)) return;
  SpillDaemon daemon(disk_flags(), Program::doliumd, disk.make_directory("spill"));
  Client& client = *daemon->watcher();
  std::uint64_t count = 0;
  Result<void> last;
  while (last && count < 200) {
    last = keep(client, count, kDiskBytes, std::chrono::seconds(2));
    if (last) ++count;
  }
  INFO("doliumd says:\n" << daemon->log());
  REQUIRE_FALSE(last);
  CAPTURE(count, last.error().message);
  CHECK((outcome(last) == "out_of_memory" || outcome(last) == "timed_out"));
  CHECK_THAT(last.error().message, Catch::Contains("full"));
  CHECK(count > 60);  // a segment of 256 MiB
  CHECK(all_there(client, count));
  if (const std::string problem = disk.grow(kDisk + 600 * kMiB); !problem.empty()) {
    WARN("skipped, that it grows: " << problem);
    return;
  }
  REQUIRE(eventually([&] { return keep(client, count, kDiskBytes, std::chrono::seconds(2)).has_value(); }));
  for (std::uint64_t more = count + 1; more < count + 20; ++more)
    REQUIRE(outcome(keep(client, more, kDiskBytes)) == "ok");
  CHECK(all_there(client, count + 20));
}

TEST_CASE("a spill disk that is full of other files takes objects again when these are removed") {
  constexpr std::uint64_t kDisk = 900 * kMiB;
  LoopDisk disk(kDisk);
  if (!can_run(disk)) return;
  const std::string directory = disk.make_directory("spill");
  const std::string ballast = std::filesystem::path(directory).parent_path() / "ballast";
  SpillDaemon daemon(disk_flags(), Program::doliumd, directory);
  Client& client = *daemon->watcher();
  for (std::uint64_t number = 0; number < 20; ++number) REQUIRE(outcome(keep(client, number, kDiskBytes)) == "ok");
  {
    const shm::UniqueFd file(::open(ballast.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    off_t bytes = 0;
    while (::fallocate(file.get(), 0, bytes, 1'000'000) == 0) bytes += 1'000'000;
  }
  std::uint64_t count = 20;
  while (count < 200 && keep(client, count, kDiskBytes, std::chrono::seconds(2))) ++count;
  INFO("doliumd says:\n" << daemon->log());
  REQUIRE(count < 200);
  REQUIRE(client.exists(kept_id(0)).value());
  std::filesystem::remove(ballast);
  REQUIRE(eventually([&] { return keep(client, count, kDiskBytes, std::chrono::seconds(2)).has_value(); }));
  CHECK(all_there(client, count + 1));
}

TEST_CASE("a spill disk that became read-only is read, and is used again after its repair") {
  LoopDisk disk(1200 * kMiB);
  if (!can_run(disk)) return;
  SpillDaemon daemon(disk_flags(), Program::doliumd, disk.make_directory("spill"));
  constexpr std::uint64_t kCount = 20;
  for (std::uint64_t number = 0; number < kCount; ++number)
    REQUIRE(outcome(keep(*daemon->watcher(), number, kDiskBytes)) == "ok");
  REQUIRE(outcome(daemon.write_all()) == "ok");
  REQUIRE(daemon->stats().spilled_count == kCount);
  disk.fail();
  REQUIRE(disk.is_read_only());
  INFO("doliumd says:\n" << daemon->log());
  CHECK(all_there(*daemon->watcher(), kCount));
  std::uint64_t more = kCount;  // memory takes some
  while (more < 100 && keep(*daemon->watcher(), more, kDiskBytes, std::chrono::seconds(1))) ++more;
  CHECK(more < 100);
  CHECK(is_there(*daemon->watcher(), kCount));
  REQUIRE(daemon->watcher()->remove(kept_id(0)).value());
  CHECK_FALSE(daemon->watcher()->exists(kept_id(0)).value());
  CHECK(daemon->stop() == "exit 0");
  disk.repair();
  daemon->start_again();
  for (std::uint64_t number = 1; number < kCount; ++number) CHECK(is_there(*daemon->watcher(), number));
  REQUIRE(outcome(keep(*daemon->watcher(), 1000, kDiskBytes)) == "ok");
  REQUIRE(outcome(daemon.write_all()) == "ok");
  CHECK(is_there(*daemon->watcher(), 1000));
}

TEST_CASE(
    "a spill disk that is mounted read-only while the store runs is read, and is used again when it is writable") {
  LoopDisk disk(1200 * kMiB);
  if (!can_run(disk)) return;
  SpillDaemon daemon(disk_flags(), Program::doliumd, disk.make_directory("spill"));
  constexpr std::uint64_t kCount = 20;
  for (std::uint64_t number = 0; number < kCount; ++number)
    REQUIRE(outcome(keep(*daemon->watcher(), number, kDiskBytes)) == "ok");
  REQUIRE(outcome(daemon.write_all()) == "ok");
  const auto is = [&](SpillTierState state) {
    return eventually([&] { return daemon->stats().tier->state == state; });
  };
  // The process has files open for writing: only in a moment without it, the kernel takes the mount.
  REQUIRE(eventually([&] {
    daemon.kill_spiller();
    return disk.remount(true);
  }));
  INFO("doliumd says:\n" << daemon->log());
  REQUIRE(is(SpillTierState::read_only));
  CHECK(all_there(*daemon->watcher(), kCount));
  std::uint64_t more = kCount;  // memory takes some
  std::string why;
  for (; more < 100; ++more) {
    const auto refused = keep(*daemon->watcher(), more, kDiskBytes, std::chrono::seconds(1));
    if (refused) continue;
    why = to_string(refused.error());
    break;
  }
  CHECK(more < 100);
  CHECK_THAT(why, Catch::Contains("read-only"));
  CHECK(is_there(*daemon->watcher(), kCount));
  REQUIRE(disk.remount(false));
  REQUIRE(is(SpillTierState::ready));
  CHECK(eventually([&] { return keep(*daemon->watcher(), 1000, kDiskBytes, std::chrono::seconds(5)).has_value(); }));
  REQUIRE(outcome(daemon.write_all()) == "ok");
  CHECK(all_there(*daemon->watcher(), kCount));
  CHECK(is_there(*daemon->watcher(), 1000));
}

TEST_CASE("a second daemon on a spill directory is refused in words, and the first goes on") {
  SpillDaemon first(disk_flags());
  REQUIRE(outcome(keep(*first->watcher(), 1, kDiskBytes)) == "ok");
  REQUIRE(outcome(first.write_all()) == "ok");
  static_cast<void>(disk_refusal({"--capacity=16MiB", "--spill-directory=" + first.directory()}, "in use"));
  CHECK(is_there(*first->watcher(), 1));
  REQUIRE(outcome(keep(*first->watcher(), 2, kDiskBytes)) == "ok");
  REQUIRE(outcome(first.write_all()) == "ok");
  CHECK(is_there(*first->watcher(), 2));
}

TEST_CASE("spilled, clean and dirty objects survive --replace, and the spill process goes on") {
  SpillDaemon daemon(disk_flags());
  constexpr std::uint64_t kCount = 30;  // twice the memory
  for (std::uint64_t number = 0; number < kCount; ++number)
    REQUIRE(outcome(keep(*daemon->watcher(), number, kDiskBytes)) == "ok");
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    REQUIRE(daemon->stats().spilled_count > 0);
    const pid_t spiller = daemon.spiller();
    const Finished replaced = run_to_end({DOLIUM_DOLIUMD_PATH, "--socket", daemon->socket(), "--replace"});
    INFO(replaced.output << "\ndoliumd says:\n" << daemon->log());
    REQUIRE(replaced.how == "exit 0");
    CHECK(daemon.spiller() == spiller);
    CHECK(all_there(*daemon->watcher(), kCount));
  }
}

TEST_CASE("a spill directory of another host is refused in words, until it is adopted") {
  if (::geteuid() != 0) {
    WARN("skipped: only root can give a process another /etc/machine-id");
    return;
  }
  const test::TemporaryDirectory disk("/var/tmp");
  disk.write("machine-id", "0123456789abcdef0123456789abcdef\n");
  std::filesystem::create_directory(disk.path() / "spill");
  std::filesystem::permissions(disk.path() / "spill", std::filesystem::perms(0700));
  const std::string directory = disk.path() / "spill";
  std::vector<std::string> words = disk_flags();
  words.push_back("--spill-directory=" + directory);
  {
    const std::string bind = "mount --bind " + (disk.path() / "machine-id").string() + " /etc/machine-id";
    LaunchedDaemon other({"/usr/bin/unshare", "--mount", "/bin/sh", "-c", bind + " && exec \"$@\"", "sh"}, words);
    REQUIRE(outcome(keep(other.client(), 1, kDiskBytes)) == "ok");
    REQUIRE(outcome(other.client().create(id_of("all"), other.client().stats()->capacity,
                                          {.timeout = kPatient, .retention = Retention::cache})) == "ok");
    other.process().signal(SIGTERM);
    CHECK(other.process().wait() == "exit 0");
  }
  CHECK_THAT(disk_refusal(words, "host"), Catch::Contains("--adopt"));
  const std::string program = std::filesystem::path(DOLIUM_DOLIUMD_PATH).parent_path() / "doliumd-spill";
  const Finished adopted = run_to_end({program, "--adopt", "--directory", directory});
  INFO(adopted.output);
  REQUIRE(adopted.how == "exit 0");
  SpillDaemon ours(disk_flags(), Program::doliumd, directory);
  CHECK(is_there(*ours->watcher(), 1));
}
