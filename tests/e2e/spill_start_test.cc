// A spill process that cannot use its directory for good (exit status 3): the first one ends the start, and a later one
// does not end a store that has objects.

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/client/store_under_test.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/spill_daemon.h"

using namespace dolium;
using namespace dolium::e2e;

namespace {

constexpr std::size_t kStartBytes = 4'000'000;
const ObjectId kId = test::id_of("start/kept");

/// doliumd in a directory of its own, beside a spill process that does what `script` says.
std::string program_with_spiller(const test::TemporaryDirectory& directory, const std::string& script) {
  const std::filesystem::path program = directory.path() / "doliumd";
  std::filesystem::copy_file(DOLIUM_DOLIUMD_PATH, program);
  directory.write("doliumd-spill", "#!/bin/sh\n" + script + "\n");
  std::filesystem::permissions(directory.path() / "doliumd-spill", std::filesystem::perms(0700));
  return program;
}

bool has_kept(Client& client) {
  const Result<Object> object = client.get_raw(kId, std::chrono::seconds(5));
  if (!object) UNSCOPED_INFO(to_string(object.error()));
  return object && is_payload(object->data(), kId);
}

}  // namespace

TEST_CASE("a daemon whose first spill process cannot use the directory ends, and says why") {
  const test::TemporaryDirectory programs("/var/tmp");
  const test::TemporaryDirectory disk("/var/tmp");
  const std::string program = program_with_spiller(programs, "echo 'spill: no such disk' >&2\nexit 3");
  const Finished ended = run_to_end({program, "--socket", programs.path() / "socket", "--capacity=16MiB",
                                     "--spill-directory=" + disk.path().string()});
  CHECK(ended.how == "exit 1");
  CHECK_THAT(ended.output, Catch::Contains("no such disk"));
  CHECK_THAT(ended.output, Catch::Contains("the spill directory cannot be used, and the store has not begun"));
}

TEST_CASE("a daemon whose later spill process cannot use the directory goes on, and uses it again when it can") {
  SpillDaemon daemon({"--capacity=16MiB", "--max-objects=1000", "--quarantine-seconds=0"});
  daemon.await_all();
  std::vector<std::byte> bytes(kStartBytes);
  fill_payload(bytes, kId, 1);
  REQUIRE(daemon->watcher()->put(kId, bytes, {.timeout = std::chrono::seconds(30), .retention = Retention::keep}));
  REQUIRE(daemon.write_all());
  const auto says = [&](const std::string& text) { return daemon->log().find(text) != std::string::npos; };
  std::filesystem::permissions(daemon.directory(), std::filesystem::perms(0755));
  REQUIRE(daemon.kill_spiller());
  REQUIRE(test::eventually([&] { return says("the spill process has ended with status 3: starting it again"); }));
  CHECK_THAT(daemon->log(), Catch::Contains("chmod 700"));
  CHECK(daemon->watcher()->ping());
  std::filesystem::permissions(daemon.directory(), std::filesystem::perms(0700));
  CHECK(test::eventually([&] { return has_kept(*daemon->watcher()); }));
}

TEST_CASE("a client that a new store does not admit yet is told that the spill directory is read first") {
  const test::TemporaryDirectory programs("/var/tmp");
  const test::TemporaryDirectory disk("/var/tmp");
  const std::string program = program_with_spiller(programs, "exec sleep 60");  // it never connects
  const std::string socket = programs.path() / "socket";
  const Process daemon = Process::start(
      {program, "--socket", socket, "--capacity=16MiB", "--spill-directory=" + disk.path().string()}, {});
  ConnectOptions options;
  options.connect_timeout = std::chrono::milliseconds(300);
  std::string why;
  REQUIRE(test::eventually([&] {
    const auto client = Client::connect(socket, options);
    why = client ? "connected" : client.error().message;
    return client || client.error().code == Errc::timed_out;
  }));
  CHECK_THAT(why, Catch::Contains("the daemon admits no clients yet") && Catch::Contains(disk.path().string()) &&
                      Catch::Contains("its process does not run, or has not connected"));
}
