// The spill tier through the command line, with a real doliumd-spill and its files.

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/cli/command.h"
#include "tests/temporary_directory.h"

namespace dolium::test {
namespace {

using Catch::Contains;

constexpr std::uint64_t kObject = 4 * kMiB;
constexpr std::size_t kObjects = 12;  // 48 MiB in a store of 16 MiB

/// A daemon with a spill directory on a disk, in which most objects are on disk.
struct Spilled {
  explicit Spilled(std::size_t objects = kObjects) {
    for (std::size_t i = 0; i < objects; ++i) {
      const std::vector<std::byte> bytes(kObject, static_cast<std::byte>(i));
      REQUIRE(daemon.watcher()->put(id_of(i), bytes,
                                    {.type_name = "of a test",
                                     .timeout = std::chrono::seconds(30),
                                     .label = "epoch-" + std::to_string(i),
                                     .retention = Retention::keep}));
    }
  }
  [[nodiscard]] StoreStats stats() const { return daemon.stats(); }
  /// Until it is so, for half a minute.
  template <class Condition>
  void until(Condition condition) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition(stats())) REQUIRE(std::chrono::steady_clock::now() < end);
  }
  [[nodiscard]] ObjectId one_on_disk() const {
    for (const ObjectMetadata& each : daemon.watcher()->list().value())
      if (each.place == ObjectPlace::disk) return each.id;
    FAIL("no object is on disk");
    return {};
  }

  TemporaryDirectory disk{"/var/tmp"};
  e2e::Daemon daemon{{"--capacity=16MiB", "--spill-directory=" + disk.path().string(), "--spill-capacity=1GiB"}};
  Command dolium{daemon};
};

}  // namespace

TEST_CASE("spill: without a spill directory each command says what is missing") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  for (const char* command : {"status", "verify", "compact", "forget"}) {
    const Ran ran = dolium.run({"spill", command});
    CHECK(ran.failed(1));
    CHECK_THAT(ran.error, Contains("no spill tier"));
  }
  CHECK(dolium.run({"spill", "statsu"}).failed(2));
  CHECK_THAT(dolium.run({"spill", "statsu"}).error, Contains("did you mean \"status\""));
  CHECK(dolium.run({"spill", "status", "--yes"}).failed(2));
  CHECK(dolium.run({"--json", "stats"}).json().at("tier").is_null());
}

TEST_CASE("spill: status, stats, list, inspect, watch and the doctor show the tier") {
  Spilled spilled;
  const Command& dolium = spilled.dolium;
  const Ran status = dolium.run({"spill", "status"});
  CAPTURE(status);
  CHECK(status.ok());
  CHECK_THAT(status.out,
             Contains("ready") && Contains("doliumd-spill, pid ") && Contains(spilled.disk.path().string()));
  spilled.until([](const StoreStats& stats) { return stats.tier->records != 0; });
  const auto json = dolium.run({"--json", "spill", "status"}).json();
  CHECK(json.at("state") == "ready");
  CHECK(json.at("capacity_bytes") == 1024 * kMiB);
  CHECK(json.at("spilled_count").get<std::uint64_t>() >= 8);
  CHECK(json.at("used_bytes").get<std::uint64_t>() > 0);
  CHECK(dolium.run({"--json", "stats"}).json().at("tier").at("pid") == json.at("pid"));
  CHECK_THAT(dolium.run({"stats"}).out, Contains("on disk only"));
  CHECK_THAT(dolium.run({"list"}).out, Contains("DISK") && Contains("  spilled  ") && Contains("of it on disk only"));
  CHECK_THAT(dolium.run({"doctor"}).out, Contains("spill tier\n  ok      state: ready"));
  CHECK(dolium.run({"--json", "watch", "--duration", "100ms"}).out.find("\"tier_state\":\"ready\"") !=
        std::string::npos);

  const ObjectId id = spilled.one_on_disk();
  const Ran unread = dolium.run({"inspect", id.hex(), "--no-preview"});
  CHECK_THAT(unread.out, Contains("on disk only (spilled)") && Contains("on disk, not read"));
  CHECK(spilled.daemon.watcher()->metadata(id).value().place == ObjectPlace::disk);
  const Ran read = dolium.run({"inspect", id.hex()});
  CHECK_THAT(read.out, Contains("of a test") && Contains("epoch-") && Contains("data, first 64 bytes"));
}

TEST_CASE("spill: verify reads all, and fails with the ids of damaged records") {
  Spilled spilled;
  spilled.until([](const StoreStats& stats) { return stats.tier->writing_count == 0; });
  const Ran fine = spilled.dolium.run({"spill", "verify"});
  CAPTURE(fine);
  CHECK(fine.ok());
  CHECK_THAT(fine.out, Contains("all are intact"));
  const ObjectId id = spilled.one_on_disk();
  // Of each file, a byte of each MiB: every object is damaged.
  for (const auto& entry : std::filesystem::directory_iterator(spilled.disk.path())) {
    if (!entry.path().filename().string().starts_with("segment-")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (std::uint64_t at = kMiB; at < entry.file_size(); at += kMiB) {
      file.seekp(static_cast<std::streamoff>(at + 17));
      file.put('\x5a');
    }
  }
  const Ran damaged = spilled.dolium.run({"spill", "verify"});
  CAPTURE(damaged);
  CHECK(damaged.how == "exit 8");
  CHECK_THAT(damaged.out, Contains("damaged " + id.hex()));
  CHECK_THAT(damaged.error, Contains("do not match their checksums"));
  const auto json = spilled.dolium.run({"--json", "spill", "verify"}).json();
  CHECK(json.at("damaged_count") == json.at("damaged").size());
  CHECK(json.at("damaged_count").get<std::uint64_t>() >= 1);
}

TEST_CASE("spill: compact frees the disk of what was removed") {
  Spilled spilled;
  CHECK(spilled.dolium.run({"clear"}).ok());
  const Ran ran = spilled.dolium.run({"spill", "compact", "--timeout", "1min"});
  CAPTURE(ran);
  CHECK(ran.ok());
  CHECK_THAT(ran.out, Contains("freed "));
  CHECK(spilled.dolium.run({"--json", "spill", "compact"}).json().contains("freed_bytes"));
}

TEST_CASE("spill: forget is refused while the tier works, and needs --yes when it does not") {
  Spilled spilled;
  spilled.until([](const StoreStats& stats) { return stats.tier->writing_count == 0 && stats.reading_count == 0; });
  const Ran works = spilled.dolium.run({"spill", "forget", "--yes"});
  CHECK(works.failed(2));
  CHECK_THAT(works.error, Contains("there is nothing to forget"));
  // The disk is gone: the directory cannot be opened any more.
  const auto moved = spilled.disk.path().string() + ".gone";
  std::filesystem::rename(spilled.disk.path(), moved);
  REQUIRE(::kill(spilled.stats().tier->pid, SIGKILL) == 0);
  spilled.until([](const StoreStats& stats) { return stats.tier->state == SpillTierState::absent; });
  const StoreStats before = spilled.stats();
  CHECK(spilled.dolium.run({"doctor"}).how == "exit 8");
  const Ran asked = spilled.dolium.run({"spill", "forget", "--list"});
  CAPTURE(asked);
  CHECK(asked.how == "exit 2");
  CHECK_THAT(asked.error, Contains(std::to_string(before.spilled_count) + " objects") && Contains("--yes does it"));
  CHECK(static_cast<std::uint64_t>(std::ranges::count(asked.out, '\n')) == before.spilled_count);
  CHECK(spilled.stats().spilled_count == before.spilled_count);
  const auto lost = spilled.dolium.run({"--json", "spill", "forget", "--yes"}).json();
  CHECK(lost.at("lost_count") == before.spilled_count);
  CHECK(lost.at("dirty_count") == before.clean_count + before.dirty_count);
  CHECK(spilled.stats().spilled_count == 0);
  // A new, empty disk is taken: what is in memory is written there.
  std::filesystem::create_directory(spilled.disk.path());
  std::filesystem::permissions(spilled.disk.path(), std::filesystem::perms::owner_all);
  spilled.until([](const StoreStats& stats) { return stats.tier->state == SpillTierState::ready; });
  const std::vector<std::byte> bytes(kObject);
  for (std::size_t i = 100; i < 106; ++i)
    REQUIRE(spilled.daemon.watcher()->put(id_of(i), bytes,
                                          {.timeout = std::chrono::seconds(30), .retention = Retention::keep}));
  CHECK(spilled.stats().spilled_count != 0);
  std::filesystem::remove_all(moved);
}

TEST_CASE("trim gives free memory back, and says how much") {
  const e2e::Daemon daemon({"--prefault=false"});
  const Command dolium(daemon);
  put_numbered(*daemon.watcher(), 0, 4, 4 * kMiB);
  CHECK(dolium.run({"clear"}).ok());
  const auto json = dolium.run({"--json", "trim"}).json();
  CHECK(json.at("given_back_bytes").get<std::uint64_t>() >= 16 * kMiB);
  CHECK(json.at("reserved_bytes").get<std::uint64_t>() < 8 * kMiB);
  CHECK_THAT(dolium.run({"trim"}).out, Contains("returned 0 B to the system"));
  const e2e::Daemon kept({"--preallocate", "--capacity=16MiB"});
  CHECK(Command(kept).run({"trim"}).failed(2));
}

}  // namespace dolium::test
