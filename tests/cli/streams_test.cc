// The command with a closed standard stream, or with a pipe without a reader.

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/cli/command.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// As a shell starts it: `dolium ARGUMENTS... REDIRECTIONS`.
Running in_shell(const Daemon& daemon, const std::string& before, const std::vector<std::string>& arguments,
                 const std::string& redirections = {}) {
  std::vector<std::string> command = {
      "/bin/sh", "-c", before + "exec \"$@\" " + redirections, "sh", DOLIUM_CLI_PATH, "--socket", daemon.socket()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {daemon.directory(), command, -1};
}

/// With standard output into a pipe whose reader is gone.
Process without_reader(const Daemon& daemon, const std::string& before, const std::vector<std::string>& arguments,
                       int error) {
  std::vector<std::string> command = {"/bin/sh",       "-c",       before + "exec \"$@\"", "sh",
                                      DOLIUM_CLI_PATH, "--socket", daemon.socket()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Pipe pipe = make_pipe();
  return Process::start(command, {.out = pipe.write_end.get(), .error = error});
}

}  // namespace

TEST_CASE("standard streams: a command without one says that it cannot be read or written, and harms nothing") {
  const Daemon daemon;
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(300))) == "ok");
  const Ran put = in_shell(daemon, "", {"put"}, "<&-").wait();
  CHECK(put.how == "exit 1");
  CHECK_THAT(put.error, Catch::Contains("cannot read standard input"));
  const Ran list = in_shell(daemon, "", {"list"}, ">&-").wait();
  CHECK(list.how == "exit 1");
  CHECK_THAT(list.error, Catch::Contains("standard output could not be written"));
  const Ran inspect = in_shell(daemon, "", {"inspect", id_of("b").hex()}, "2>&-").wait();  // not there: it would say so
  CHECK(inspect.how != "exit 0");
  CHECK(daemon.stats().total_objects == 1);
  CHECK(same(daemon.watcher()->get_raw(id_of("a")).value().data(), pattern(300)));
}

TEST_CASE("a command whose output nobody reads ends silently, as others do") {
  const Daemon daemon;
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(300))) == "ok");
  const std::string before = GENERATE("", "trap '' PIPE; ");  // some parents have their children ignore it
  const std::vector<std::string> arguments =
      GENERATE(std::vector<std::string>{"list"}, std::vector<std::string>{"watch"});  // nothing happens meanwhile
  CAPTURE(before, arguments);
  const std::string said = (daemon.directory() / "said").string();
  const shm::UniqueFd error(::open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  Process process = without_reader(daemon, before, arguments, error.get());
  CHECK(process.wait() == fmt::format("signal {}", SIGPIPE));
  CHECK(slurp(said).empty());
}
