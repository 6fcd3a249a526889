// Errors of a doliumd that cannot start, and of a client that cannot connect: a table of causes, and of texts that the
// message must contain.

#include <fmt/format.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

namespace fs = std::filesystem;

/// Runs doliumd to its end, which comes at once when something is wrong, or only looked for.
Finished start(const fs::path& socket, const std::vector<std::string>& flags) {
  std::vector<std::string> command = {DOLIUM_DOLIUMD_PATH, "--socket", socket.string(), "--capacity=4MiB"};
  command.insert(command.end(), flags.begin(), flags.end());
  return run_to_end(command);
}

void check_refused(const Finished& finished, const std::vector<std::string>& says, int status = 1) {
  INFO(finished.output);
  CHECK(finished.how == fmt::format("exit {}", status));
  CHECK(finished.output.find("doliumd: ") != std::string::npos);  // what is only doubtful may be logged before it
  for (const std::string& part : says) {
    INFO(part);
    CHECK(finished.output.find(part) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("a daemon that cannot start says why, and what to do") {
  struct Case {
    std::vector<std::string> flags;
    std::vector<std::string> says;
    int status = 2;
  };
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "doliumd.toml";
  std::ofstream(file) << "[store]\ncapacity = \"4MiB\"\n[socket]\nmode = \"rw\"\n";
  const std::vector<Case> cases = {
      {{"--reader=*"}, {"unknown option --reader", "did you mean \"--readers\""}},
      {{"more"}, {"unexpected argument \"more\""}},
      {{"--max-objects=many"}, {"--max-objects", "\"many\" is not a whole number from 0 to"}},
      {{"--low-water-mark=0.7"}, {"--low-water-mark", "\"0.7\" is not a number from 0 to 0.5"}},
      {{"--capacity=8MiB"}, {"--capacity is given more than once"}},
      {{"--eviction-policy=lur"}, {"\"lur\" is not one of lru, lfu, fifo, adaptive", "did you mean \"lru\""}},
      {{"--preallocate=perhaps"}, {"--preallocate", "\"perhaps\" is neither true nor false"}},
      {{"--config=/no/such/file"}, {"cannot open the configuration file /no/such/file", "No such file"}, 1},
      {{"--config", file.string()}, {"\"mode\" in " + file.string() + ":4:", "\"rw\" is not an octal mode"}},
      {{"--readers=no-such-user"}, {"readers: this machine has no user \"no-such-user\""}, 1},
      {{"--writers=@no-such-group"}, {"writers: this machine has no group \"no-such-group\""}, 1},
      {{"--socket-group=no-such-group"}, {"this machine has no group \"no-such-group\""}, 1},
      {{"--log-file=" + file.string() + "/log"}, {"cannot open the log", file.string() + "/log"}, 1},
  };
  for (Case each : cases) {
    INFO(each.flags.front());
    check_refused(start(directory.path() / "dolium.sock", each.flags), each.says, each.status);
    each.flags.emplace_back("--check-config");
    check_refused(start(directory.path() / "dolium.sock", each.flags), each.says, each.status);
  }
  CHECK_FALSE(fs::exists(directory.path() / "dolium.sock"));
}

TEST_CASE("a daemon that cannot listen where it should says what is in the way") {
  const TemporaryDirectory directory;
  const fs::path socket = directory.path() / "dolium.sock";
  std::ofstream(socket) << "precious";
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--check-config"}, {}}) {
    fs::permissions(directory.path(), fs::perms::owner_all);
    check_refused(start(socket, flags),
                  {socket.string() + " exists and is not a socket", "it was not changed", "move it away"});
    CHECK_FALSE(fs::exists(socket.string() + ".lock"));
    check_refused(start(directory.path() / std::string(120, 'x'), flags), {"is too long", "of at most 107"}, 2);
    check_refused(start("@dolium", flags), {"@dolium would be an abstract socket", "no permissions"});
    check_refused(start(directory.path() / "no/such/dolium.sock", flags), {"No such file or directory"});
    fs::permissions(directory.path(), fs::perms::all);
    check_refused(start(directory.path() / "other.sock", flags),
                  {"every user can replace files in " + directory.path().string(), "chmod o-w", "another --socket"});
  }

  Daemon daemon;
  check_refused(start(daemon.socket(), {}),
                {"a daemon is already listening at " + daemon.socket(), "stop it first, or choose another --socket"});
}

TEST_CASE("doliumd --check-config makes nothing, and says that a daemon runs there already") {
  const TemporaryDirectory directory;
  const std::string log = "--log-file=" + (directory.path() / "doliumd.log").string();
  const Finished alone = start(directory.path() / "made/dolium.sock", {log, "--check-config"});
  INFO(alone.output);
  CHECK(alone.how == "exit 0");
  CHECK(alone.output.find("capacity = \"4MiB\"") != std::string::npos);
  CHECK(fs::is_empty(directory.path()));

  const Daemon daemon;
  const Finished beside = start(daemon.socket(), {"--check-config"});
  INFO(beside.output);
  CHECK(beside.how == "exit 0");  // what is checked may be meant for when that one has made way
  CHECK(beside.output.find("warning: a daemon is already listening at " + daemon.socket()) != std::string::npos);
}

TEST_CASE("a limit for files that is smaller than the store is told, and kills nothing") {
  const TemporaryDirectory directory;
  for (const char* flag : {"--check-config", "--log-level=info"}) {
    CAPTURE(flag);
    // In units of 512 bytes.
    const Finished finished =
        run_to_end({"/bin/sh", "-c", "ulimit -f 2048; exec \"$@\"", "sh", DOLIUM_DOLIUMD_PATH, "--socket",
                    (directory.path() / "dolium.sock").string(), "--capacity=4MiB", flag});
    check_refused(finished, {"the arena needs 4194304 bytes (4 MiB)", "is 1 MiB", "ulimit -f", "LimitFSIZE="});
  }
}

TEST_CASE("a daemon without /proc says so, and what to do") {
  const TemporaryDirectory directory;
  const std::string hide = "mount -t tmpfs none /proc || exit 77; exec \"$@\"";
  for (const char* flag : {"--check-config", "--log-level=info"}) {
    CAPTURE(flag);
    const Finished finished =
        run_to_end({"/usr/bin/unshare", "--mount", "/bin/sh", "-c", hide, "sh", DOLIUM_DOLIUMD_PATH, "--socket",
                    (directory.path() / "dolium.sock").string(), "--capacity=4MiB", flag});
    if (finished.output.find("doliumd: ") == std::string::npos) {
      WARN("skipped: this user may not hide /proc: " << finished.output);
      return;
    }
    check_refused(finished, {"cannot find /proc/self/exe", "mount -t proc proc /proc"});
  }
}

TEST_CASE("a client that cannot connect says where, and how to have a daemon there") {
  const auto refusal = [](const std::string& path) {
    const auto client = Client::connect(path, {.connect_timeout = std::chrono::milliseconds(10)});
    return client ? "connected" : to_string(client.error());
  };
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "dolium.sock").string();
  CHECK(refusal(path) == "disconnected: no daemon listens at " + path + "; start one with doliumd --socket " + path);
  std::ofstream(path).close();
  // At once, whatever the patience: a file does not become a socket.
  for (const auto& [place, what] : {std::pair(path, "a regular file"), {directory.path().string(), "a directory"}}) {
    const auto client = Client::connect(place, {.connect_timeout = std::chrono::hours(1)});
    REQUIRE_FALSE(client);
    CHECK(to_string(client.error()) == "invalid_argument: " + place + " is " + what +
                                           ", not a socket: name the socket that doliumd listens at (--socket, "
                                           "$DOLIUM_SOCKET)");
  }
  CHECK_THAT(refusal(path + "/dolium.sock"),
             Catch::StartsWith("invalid_argument: a part of " + path + "/dolium.sock is not a directory"));
  CHECK_THAT(refusal("@dolium"), Catch::StartsWith("invalid_argument: @dolium would be an abstract socket") &&
                                     Catch::Contains("./@dolium"));
  CHECK_THAT(refusal(std::string(120, 'x')), Catch::StartsWith("invalid_argument") && Catch::Contains("107"));
  CHECK_THAT(refusal(""), Catch::StartsWith("invalid_argument") && Catch::Contains("path is empty"));
}

TEST_CASE("a client whose daemon is gone says so, and that it can connect again") {
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  static_cast<void>(daemon.release_watcher());
  SECTION("stopped") {
    CHECK(daemon.stop() == "exit 0");
    REQUIRE(eventually([&] { return outcome(client->ping()) == "disconnected"; }));
    CHECK_THAT(client->ping().error().message, Catch::Contains("the daemon is shutting down"));
  }
  SECTION("killed") {
    CHECK(daemon.kill() == "signal 9");
    REQUIRE(eventually([&] { return outcome(client->ping()) == "disconnected"; }));
    CHECK_THAT(client->ping().error().message, Catch::Contains("no daemon listens at " + daemon.socket()) ||
                                                   Catch::Contains("connect again when it is back"));
  }
  CHECK(outcome(client->put(id_of(0), {})) == "disconnected");
}

TEST_CASE("a client for reading only says how it could write") {
  const Daemon daemon;
  const std::shared_ptr<Client> reader = daemon.connect({.access = Access::read_only});
  put_numbered(*daemon.watcher(), 0, 1, 10);
  const std::vector<std::pair<const char*, std::function<Error()>>> attempts = {
      {"put", [&] { return reader->put(id_of(1), {}).error(); }},
      {"create", [&] { return reader->create(id_of(1), 10).error(); }},
      {"put_deferred", [&] { return reader->put_deferred(id_of(1), {}).error(); }},
      {"pin", [&] { return reader->pin(id_of(0)).error(); }},
      {"unpin", [&] { return reader->unpin(id_of(0)).error(); }},
      {"remove", [&] { return reader->remove(id_of(0)).error(); }},
      {"take", [&] { return reader->take_raw(id_of(0)).error(); }},
      {"extend_grace", [&] { return reader->extend_grace(id_of(0), std::chrono::seconds(1)).error(); }},
      {"evict", [&] { return reader->evict(1).error(); }},
      {"clear", [&] { return reader->clear().error(); }}};
  for (const auto& [what, attempt] : attempts) {
    INFO(what);
    const Error error = attempt();
    CHECK(error.code == Errc::permission_denied);
    CHECK_THAT(error.message, Catch::Contains("connected for reading only") &&
                                  Catch::Contains("connect with ConnectOptions::access read_write") &&
                                  !Catch::Contains("Request"));
    const bool asked_the_daemon = error.message.find("needs a client that may write") != std::string::npos;
    CHECK((!asked_the_daemon || error.message.starts_with(std::string(what) + " needs")));
  }
}

TEST_CASE("deferred puts say what they cannot do") {
  const Daemon daemon;
  Client& store = *daemon.watcher();
  const Bytes large = pattern(kInlinePutLimit + 1);
  const Error too_large = store.put_deferred(id_of(0), large).error();
  CHECK_THAT(too_large.message, Catch::Contains(id_of(0).hex()) && Catch::Contains("a deferred put carries") &&
                                    Catch::Contains("use put()"));
  CreateOptions options;
  options.timeout = kShortly;
  CHECK_THAT(store.put_deferred(id_of(0), {}, options).error().message,
             Catch::Contains("is deferred: it cannot wait for room") && Catch::Contains("use put()"));
}

TEST_CASE("subscriptions without end are refused with what to do") {
  const Daemon daemon;
  std::vector<Subscription> subscriptions;
  for (;;) {
    Result<Subscription> next = daemon.watcher()->subscribe();
    if (!next) {
      CHECK(next.error().code == Errc::out_of_memory);
      CHECK(next.error().message == "one client may have 64 subscriptions: end one first");
      break;
    }
    REQUIRE(subscriptions.size() < 64);
    subscriptions.push_back(*std::move(next));
  }
}
