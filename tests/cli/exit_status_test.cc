// How the command ends, for scripts: exit statuses, error objects, questions, and their description in --help.

#include "client/cli/exit_status.h"

#include <fcntl.h>
#include <pty.h>

#include <optional>

#include "tests/cli/command.h"

namespace dolium::test {
namespace {

using Catch::Matchers::Contains;

struct Failing {
  std::vector<std::string> command;
  int status;
  const char* code;
};

std::vector<std::string> with_json(std::vector<std::string> command) {
  command.emplace_back("--json");
  return command;
}

void check_failing(const Command& dolium, const std::vector<Failing>& cases) {
  for (const Failing& each : cases) {
    INFO(fmt::format("{}", fmt::join(each.command, " ")));
    const Ran words = dolium.run(each.command);
    INFO(words);
    CHECK(words.failed(each.status));
    const Ran json = dolium.run(with_json(each.command));
    INFO(json);
    CHECK(json.how == fmt::format("exit {}", each.status));
    const nlohmann::json error = json.json().at("error");
    CHECK(error.at("code") == each.code);
    CHECK(error.at("exit_status") == each.status);
    CHECK(json.error == "dolium: " + std::string(error.at("message")) + "\n");
  }
}

/// A command whose standard input and error are a terminal, at which `typed` was typed already.
struct OnTerminal {
  OnTerminal(const e2e::Daemon& daemon, std::vector<std::string> arguments, std::string_view typed) {
    int master = -1, slave = -1;
    REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    const shm::UniqueFd ours(master);
    shm::UniqueFd theirs(slave);
    REQUIRE(::write(ours.get(), typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
    arguments.insert(arguments.begin(), {DOLIUM_CLI_PATH, "--socket", daemon.socket()});
    auto process = e2e::Process::start(arguments, {.in = theirs.get(), .out = -1, .error = theirs.get()});
    how = process.wait();
    theirs.reset();  // then the terminal ends behind what was printed
    char text[4096];
    for (ssize_t size = 0; (size = ::read(ours.get(), text, sizeof(text))) > 0;)
      seen.append(text, static_cast<std::size_t>(size));
  }
  std::string how;
  std::string seen;
};

}  // namespace

TEST_CASE("exit statuses: every code of an error has its own or 1") {
  using cli::exit_status_of;
  const std::vector<std::pair<Errc, int>> table = {
      {Errc::not_found, 3},        {Errc::already_exists, 1},    {Errc::not_sealed, 1},   {Errc::already_sealed, 1},
      {Errc::out_of_memory, 6},    {Errc::too_large, 6},         {Errc::timed_out, 4},    {Errc::type_mismatch, 1},
      {Errc::invalid_argument, 2}, {Errc::permission_denied, 7}, {Errc::disconnected, 5}, {Errc::protocol_error, 1},
      {Errc::system_error, 1},
  };
  for (const auto& [code, status] : table) {
    INFO(to_string(code));
    CHECK(static_cast<int>(exit_status_of(code)) == status);
  }
}

TEST_CASE("exit statuses: each kind of failure ends with its own, and --json prints an error object") {
  const e2e::Daemon daemon({"--capacity=64KiB"});
  const Command dolium(daemon);
  const std::string none = id_of(0).hex();
  spill(dolium.file("large"), std::string(100 * kKiB, 'x'));
  spill(dolium.file("small"), std::string(48 * kKiB, 'x'));
  REQUIRE(dolium.run({"put", "--pin", "--name", "a", dolium.file("small")}).ok());
  check_failing(dolium, {
                            {{"no-such-verb"}, 2, "invalid_argument"},
                            {{"stats", "no-such-argument"}, 2, "invalid_argument"},
                            {{"stats", "--no-such-option"}, 2, "invalid_argument"},
                            {{"get"}, 2, "invalid_argument"},
                            {{"inspect", "xyz"}, 2, "invalid_argument"},
                            {{"evict", "much"}, 2, "invalid_argument"},
                            {{"list", "--sort", "colour"}, 2, "invalid_argument"},
                            {{"put", "--ttl", "soon", "/dev/null"}, 2, "invalid_argument"},
                            {{"watch", "--duration", "-1s"}, 2, "invalid_argument"},
                            {{"inspect", none}, 3, "not_found"},
                            {{"get", none, "-o", dolium.file("out")}, 3, "not_found"},
                            {{"get", none, "-o", dolium.file("out"), "--timeout", "10ms"}, 4, "timed_out"},
                            {{"put", "--timeout", "10ms", dolium.file("small")}, 4, "timed_out"},
                            {{"put", dolium.file("small")}, 6, "out_of_memory"},
                            {{"put", dolium.file("large")}, 6, "too_large"},
                            {{"put", "--name", "a", dolium.file("small")}, 1, "already_exists"},
                            {{"put", "/no/such/file"}, 1, "system_error"},
                        });
}

TEST_CASE("exit statuses: without a daemon it is 5, whatever lies at the socket's path") {
  e2e::Daemon daemon;
  const Command dolium(daemon);
  static_cast<void>(daemon.release_watcher());
  CHECK(daemon.stop() == "exit 0");
  check_failing(dolium, {{{"stats"}, 5, "disconnected"}, {{"get", "name:a", "-o", "/dev/null"}, 5, "disconnected"}});
  spill(dolium.file("file"), "");
  for (const std::string& path : {dolium.file("file"), dolium.file("."), std::string(200, 'x')}) {
    INFO(path);
    auto process = e2e::Process::start({DOLIUM_CLI_PATH, "--socket", path, "stats"}, {});
    CHECK(process.wait() == "exit 5");
  }
  auto process = e2e::Process::start({DOLIUM_CLI_PATH, "--socket", "", "stats"}, {});
  CHECK(process.wait() == "exit 2");
}

TEST_CASE("exit statuses: of several objects that failed, their common kind or 1") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const ObjectBuilder builder = daemon.watcher()->create(id_of(1), 10).value();
  CHECK(dolium.run({"remove", id_of(7).hex(), id_of(8).hex()}).how == "exit 3");
  const Ran mixed = dolium.run({"remove", id_of(7).hex(), id_of(1).hex(), "--json"});
  INFO(mixed);
  CHECK(mixed.how == "exit 1");
  CHECK(mixed.json().at(0).at("code") == "not_found");
  CHECK(mixed.json().at(1).at("code") == "not_sealed");
}

TEST_CASE("exit statuses: the command alone prints its help and ends with 2") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const Ran alone = dolium.run({});
  CHECK(alone.how == "exit 2");
  CHECK_THAT(alone.out, Contains("inspect") && Contains("Usage: dolium [OPTION...] COMMAND"));
  const Ran json = dolium.run({"--json"});
  CHECK(json.how == "exit 2");
  CHECK(json.json().at("error").at("exit_status") == 2);
  auto help = e2e::Process::start({DOLIUM_CLI_PATH, "help", "put"}, {});
  CHECK(help.wait() == "exit 0");
  auto unknown = e2e::Process::start({DOLIUM_CLI_PATH, "help", "nonsense"}, {});
  CHECK(unknown.wait() == "exit 2");
}

TEST_CASE("help names DOLIUM_SOCKET and the exit statuses, and has nothing of the parser's notation") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const std::string all = dolium.run({"--help"}).out;
  CHECK_THAT(all, Contains("DOLIUM_SOCKET") && Contains("  3  object not found\n") && Contains("  8  doctor"));
  CHECK_THAT(dolium.run({"inspect", "--help"}).out, Contains("  --no-preview  ") && Contains("Usage: dolium inspect"));
  CHECK_THAT(dolium.run({"remove", "--help"}).out, Contains("[OPTION...] [ID...]\n"));
  CHECK_THAT(dolium.run({"watch", "--help"}).out, Contains("--interval TIME  ") && Contains("(default 1 s)"));
  for (const char* verb : {"stats", "clients", "ping", "list", "inspect", "put", "get", "pin", "unpin", "remove",
                           "evict", "clear", "watch", "bench", "doctor"}) {
    const Ran ran = dolium.run({verb, "--help"});
    INFO(ran);
    CHECK(ran.ok());
    for (const char* artefact : {"{false}", "... ...", "REQUIRED", "=1 s", "=0s", "Excludes", "\n\n\n"})
      CHECK_THAT(ran.out, !Contains(artefact));
  }
}

TEST_CASE("exit statuses: a message that cannot be written does not change them") {
  const e2e::Daemon daemon;
  const shm::UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full.valid());
  for (const auto& [words, status] : {std::pair(std::vector<std::string>{"get", "name:nope"}, "exit 3"),
                                      std::pair(std::vector<std::string>{"--json", "frob"}, "exit 2")}) {
    std::vector<std::string> arguments = {DOLIUM_CLI_PATH, "--socket", daemon.socket()};
    arguments.insert(arguments.end(), words.begin(), words.end());
    CHECK(e2e::Process::start(arguments, {.out = full.get(), .error = full.get()}).wait() == status);
  }
}

TEST_CASE("clear, and remove by a filter, ask on a terminal, unless told --yes or there is nothing") {
  const e2e::Daemon daemon;
  put_numbered(*daemon.watcher(), 0, 2, 100);
  const OnTerminal refused(daemon, {"clear"}, "n\n");
  CHECK_THAT(refused.seen,
             Contains("Remove all 2 objects from the store at " + daemon.socket()) && Contains("nothing was removed"));
  CHECK(refused.how == "exit 1");
  CHECK(daemon.stats().total_objects == 2);
  const OnTerminal agreed(daemon, {"clear"}, "yes\n");
  CHECK(agreed.how == "exit 0");
  CHECK(daemon.stats().total_objects == 0);
  const OnTerminal nothing(daemon, {"clear"}, "n\n");
  CHECK(nothing.how == "exit 0");
  put_numbered(*daemon.watcher(), 0, 2, 100);
  const std::string self = std::to_string(::getpid());
  const OnTerminal filtered(daemon, {"remove", "--creator", self}, "n\n");
  CHECK_THAT(filtered.seen,
             Contains("Remove 2 objects from the store at " + daemon.socket()) && Contains("nothing was removed"));
  CHECK(filtered.how == "exit 1");
  CHECK(daemon.stats().total_objects == 2);
  const OnTerminal removed(daemon, {"remove", "--creator", self}, "y\n");
  CHECK(removed.how == "exit 0");
  CHECK(daemon.stats().total_objects == 0);
  put_numbered(*daemon.watcher(), 0, 2, 100);
  const OnTerminal told(daemon, {"clear", "--yes"}, "n\n");
  CHECK_THAT(told.seen, !Contains("Remove"));
  CHECK(told.how == "exit 0");
  CHECK(daemon.stats().total_objects == 0);
}

TEST_CASE("remove by a filter leaves what was put under a listed id before the answer") {
  const e2e::Daemon daemon;
  Client& store = *daemon.watcher();
  for (const std::size_t n : {0, 1, 2}) REQUIRE(store.put(id_of(n), bytes_of("x"), {.label = "old"}).has_value());
  int master = -1, slave = -1;
  REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
  const shm::UniqueFd ours(master);
  shm::UniqueFd theirs(slave);
  auto process = e2e::Process::start({DOLIUM_CLI_PATH, "--socket", daemon.socket(), "remove", "--label-prefix", "old"},
                                     {.in = theirs.get(), .out = -1, .error = theirs.get()});
  theirs.reset();
  std::string seen;
  char text[256];
  for (ssize_t size = 0;
       seen.find("[y/N]") == std::string::npos && (size = ::read(ours.get(), text, sizeof(text))) > 0;)
    seen.append(text, static_cast<std::size_t>(size));
  CHECK_THAT(seen, Contains("Remove 3 objects"));
  for (const std::size_t n : {0, 1}) REQUIRE(store.remove(id_of(n)).value());
  REQUIRE(store.put(id_of(0), bytes_of("new"), {.label = "old"}).has_value());
  const ObjectBuilder unsealed = store.create(id_of(1), 10, {.label = "old"}).value();
  REQUIRE(::write(ours.get(), "y\n", 2) == 2);
  CHECK(process.wait() == "exit 0");
  CHECK(same(store.get_raw(id_of(0)).value().data(), bytes_of("new")));
  CHECK_FALSE(store.exists(id_of(2)).value());
}

TEST_CASE("types: a type's tag is a string of hexadecimal digits in JSON, and its name has what it is in it") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  REQUIRE(daemon.watcher()->put(id_of(0), std::vector<double>{1.5}).has_value());
  REQUIRE(dolium.run_with_pipe({"put", "--id", id_of(1).hex(), "--type", "f64[]"}, "12345678").ok());
  REQUIRE(dolium.run_with_pipe({"put", "--id", id_of(2).hex()}, "raw").ok());
  for (const std::size_t n : {0, 1}) {
    const auto object = dolium.run({"inspect", id_of(n).hex(), "--json"}).json();
    CHECK(object.at("type_tag") == fmt::format("{:016x}", type_tag_of<std::vector<double>>()));
    CHECK(object.at("type_name") == "f64[]");
  }
  CHECK(dolium.run({"inspect", id_of(2).hex(), "--json"}).json().at("type_tag") == "0000000000000000");
  CHECK(dolium.run({"list", "--json"}).json().at(0).at("type_tag").is_string());
}

}  // namespace dolium::test
