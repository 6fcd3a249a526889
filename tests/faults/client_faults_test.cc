// System failures in a client: each call that the library makes fails, in each way. Each time there is an error that
// says what failed (or std::bad_alloc, for the heap), no crash, nothing is left in the daemon, and the next visit works
// as usual.

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "tests/client/store_under_test.h"
#include "tests/faults/faults.h"
#include "tests/faults/visit.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::faults;
using namespace dolium::test;

namespace {

/// The program that visits; under the interposer.
class VisitorProcess {
 public:
  explicit VisitorProcess(const Daemon& daemon) {
    Pipe commands = make_pipe();
    Pipe replies = make_pipe();
    const shm::UniqueFd errors(::dup(STDERR_FILENO));
    process_ = Process::start({DOLIUM_VISITOR_PATH, daemon.socket()},
                              {.in = commands.read_end.get(), .out = replies.write_end.get(), .error = errors.get()});
    commands_ = std::move(commands.write_end);
    replies_ = std::move(replies.read_end);
  }

  [[nodiscard]] std::string ask(const std::string& line) {
    REQUIRE(::write(commands_.get(), (line + '\n').data(), line.size() + 1) == static_cast<ssize_t>(line.size() + 1));
    std::string answer;
    while (!answer.ends_with('\n')) {
      pollfd entry{replies_.get(), POLLIN, 0};
      char buffer[4096];
      const bool ready = ::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) == 1;
      const ssize_t got = ready ? ::read(replies_.get(), buffer, sizeof(buffer)) : -1;
      if (got <= 0) return ready ? "it has ended: " + process_.wait() : "no answer";
      answer.append(buffer, static_cast<std::size_t>(got));
    }
    answer.pop_back();
    return answer;
  }

  [[nodiscard]] std::size_t descriptors() const { return process_.descriptors(); }
  [[nodiscard]] std::size_t shared_mappings() const { return process_.shared_mappings(); }
  [[nodiscard]] std::string finish() {
    commands_.reset();
    return process_.wait();
  }

 private:
  Process process_;
  shm::UniqueFd commands_;
  shm::UniqueFd replies_;
};

/// Whether a refusal says why. That nobody listens is said in words of our own.
bool client_gives_reason(const std::string& refused, const Fault& fault) {
  const bool nobody = fault.error == ECONNREFUSED || fault.error == ENOENT;
  return refused.find(words_for(fault.error)) != std::string::npos ||
         (nobody && refused.find("no daemon listens at") != std::string::npos);
}

}  // namespace

TEST_CASE("calls that fail in a client are told, and survived") {
  const std::string how = GENERATE("new", "stay", "beside", "threads", "fork", "own");
  Daemon daemon;
  Faults faults;  // after the daemon, which is not under it
  VisitorProcess visitor(daemon);
  REQUIRE(visitor.ask(how).empty());
  const std::uint64_t clients = how == std::string("stay") ? 2 : 1;
  REQUIRE(eventually([&] { return daemon.stats().client_count == clients; }));
  const Census before = daemon.census();
  const std::size_t descriptors = visitor.descriptors();
  const std::size_t mappings = visitor.shared_mappings();
  std::uint64_t injected = 0;
  const auto strike = [&](const Fault& fault) {
    INFO(how << ", " << fault.text());
    faults.prepare(fault);
    const std::string refused = visitor.ask(how + " +");
    const std::uint64_t struck = faults.disarm();
    injected += struck;
    INFO("refused: " << refused);
    REQUIRE_THAT(refused, !Catch::StartsWith("it has ended") && !Catch::StartsWith("no answer"));
    if (is_harmless(fault)) CHECK(refused.empty());
    if (!refused.empty()) CHECK(client_gives_reason(refused, fault));
    clean_up(*daemon.watcher());
    CHECK(visitor.ask(how).empty());
    CHECK(visitor.descriptors() == descriptors);
    CHECK(visitor.shared_mappings() == mappings);
    CHECK(daemon.settled(before) == before);
    return struck != 0;
  };
  for (const auto& [call, errors] : fault_table())
    for (const std::int32_t error : errors) {
      Fault fault{.call = call, .role = Role::keeper_or_client, .error = error};
      // Beside a leader each call counts: one of them, after a request is sent, was fatal.
      while (strike(fault)) fault.n = how == "beside" ? fault.n + 1 : next_n(fault.n);
      if (!is_harmless(fault)) continue;
      fault.n = 1;
      fault.span = error == EINTR ? Span::every_second : Span::from_then_on;
      strike(fault);
    }
  CHECK(visitor.finish() == "exit 0");
  fmt::print("{} failures injected into a client ({})\n", injected, how);
}
