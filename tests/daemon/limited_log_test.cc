// The limit on log lines that a client, or a damaged disk, can cause in a loop.

#include "daemon/process/limited_log.h"

#include <spdlog/sinks/ostream_sink.h>

#include <catch2/catch.hpp>
#include <sstream>

namespace dolium::daemon {
namespace {

using Kind = LimitedLog::Kind;
constexpr shm::TimeNs kInterval = LimitedLog::kIntervalNs;
constexpr std::uint64_t kAllowance = 3;

struct LimitedLogFixture {
  explicit LimitedLogFixture(std::uint64_t allowance = kAllowance) : log(make(text), allowance) {}

  static std::shared_ptr<spdlog::logger> make(std::ostream& out) {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    logger->set_pattern("%l %v");
    return logger;
  }
  void provoke(Kind kind, shm::TimeNs now, int times = 1) {
    for (int n = 0; n < times; ++n) log.write(kind, now, spdlog::level::warn, "client {}", n);
  }
  /// What was written since it was last asked.
  std::string said() { return std::exchange(text, std::ostringstream()).str(); }

  std::ostringstream text;
  LimitedLog log;
};

}  // namespace

TEST_CASE("of a kind of line the first are written, and of the rest how many there were") {
  LimitedLogFixture fixture;
  fixture.provoke(Kind::ended, 1000, 1'000'000);
  CHECK(fixture.said() == "warning client 0\nwarning client 1\nwarning client 2\n");
  CHECK(fixture.log.next_deadline() == 1000 + kInterval);
  fixture.log.tick(1000 + kInterval - 1);
  CHECK(fixture.said().empty());
  fixture.log.tick(1000 + kInterval);
  CHECK(fixture.said() == "warning 999997 more lines like \"a client is ended\" were left out\n");
  CHECK(fixture.log.next_deadline() == shm::kNever);
  fixture.log.tick(1000 + 9 * kInterval);
  CHECK(fixture.said().empty());
}

TEST_CASE("a new interval has a new allowance, and begins with its first line") {
  LimitedLogFixture fixture;
  fixture.provoke(Kind::ended, 0, kAllowance);
  fixture.provoke(Kind::ended, kInterval - 1, 2);
  fixture.said();
  fixture.provoke(Kind::ended, 5 * kInterval, 4);  // nobody ticked meanwhile: what was left out is told first
  CHECK(fixture.said() ==
        "warning 2 more lines like \"a client is ended\" were left out\n"
        "warning client 0\nwarning client 1\nwarning client 2\n");
  CHECK(fixture.log.next_deadline() == 6 * kInterval);
}

TEST_CASE("no kind of line is silenced by another") {
  LimitedLogFixture fixture;
  fixture.provoke(Kind::ended, 0, 100);
  fixture.said();
  fixture.provoke(Kind::turned_away, 1);
  CHECK(fixture.said() == "warning client 0\n");
}

TEST_CASE("errors of the disk are limited, too, and told by their name") {
  LimitedLogFixture fixture;
  fixture.provoke(Kind::disk_error, 0, 5);
  fixture.said();
  fixture.log.tick(kInterval);
  CHECK(fixture.said() == "warning 2 more lines like \"an error of the disk\" were left out\n");
}

TEST_CASE("few lines are never summed up, and what is below the level is not counted") {
  LimitedLogFixture fixture;
  fixture.provoke(Kind::ended, 0, kAllowance);
  for (int n = 0; n < 100; ++n) fixture.log.write(Kind::ended, 0, spdlog::level::debug, "client {}", n);
  CHECK(fixture.log.next_deadline() == shm::kNever);
}

TEST_CASE("without an allowance all is written") {
  LimitedLogFixture fixture(0);
  fixture.provoke(Kind::ended, 0, 1000);
  const std::string said = fixture.said();
  CHECK(std::ranges::count(said, '\n') == 1000);
  CHECK(fixture.log.next_deadline() == shm::kNever);
}

}  // namespace dolium::daemon
