// The log's file, its lines, and its level.

#include "daemon/process/logging.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "tests/log_lines.h"
#include "tests/temporary_directory.h"

namespace dolium::daemon {
namespace {}  // namespace

TEST_CASE("lines begin with the time and the level, and are on disk at once") {
  const dolium::test::TemporaryDirectory directory;
  const std::string file = directory.path() / "doliumd.log";
  const auto log = open_log({.log_file = file}).value();
  log->info("listening on {}", "/x");
  log->debug("not at this level");
  CHECK(dolium::test::without_time_stamp(dolium::test::text_of(file)) == "info listening on /x\n");
}

TEST_CASE("a client's name can neither add a line to the log nor speak to the terminal that shows it") {
  const dolium::test::TemporaryDirectory directory;
  const std::string file = directory.path() / "doliumd.log";
  open_log({.log_file = file}).value()->warn("client 1 ({}) is ended", "a\n2026 error \x1b[2J");  // and closes it
  const std::string text = dolium::test::text_of(file);
  CHECK(text.ends_with(" warning client 1 (a\\n2026 error \\x1b[2J) is ended\n"));
  CHECK(std::ranges::count(text, '\n') == 1);
}

TEST_CASE("a log that everybody could read under a common umask is its owner's alone") {
  namespace fs = std::filesystem;
  const dolium::test::TemporaryDirectory directory;
  const fs::path file = directory.path() / "doliumd.log";
  const mode_t before = ::umask(0022);
  CHECK(open_log({.log_file = file}));
  CHECK(::umask(before) == 0022);  // as it was
  CHECK(fs::status(file).permissions() == fs::perms(0600));
  fs::permissions(file, fs::perms(0640));  // an operator's choice
  CHECK(open_log({.log_file = file}));
  CHECK(fs::status(file).permissions() == fs::perms(0640));
}

TEST_CASE("a file is appended to") {
  const dolium::test::TemporaryDirectory directory;
  const std::string file = directory.path() / "doliumd.log";
  open_log({.log_file = file}).value()->info("one");
  open_log({.log_file = file}).value()->info("two");
  const std::string text = dolium::test::text_of(file);
  CHECK(text.find("one") < text.find("two"));
  CHECK(text.find("two") != std::string::npos);
}

TEST_CASE("levels are kept, off is off") {
  const dolium::test::TemporaryDirectory directory;
  const std::string file = directory.path() / "doliumd.log";
  const auto log = open_log({.log_level = LogLevel::off, .log_file = file}).value();
  log->critical("nobody hears");
  log->flush();
  CHECK(dolium::test::text_of(file).empty());
  CHECK(open_log({.log_level = LogLevel::warning}).value()->level() == spdlog::level::warn);
}

TEST_CASE("a log in a missing directory is an error, and the directory is not made") {
  const dolium::test::TemporaryDirectory directory;
  const std::string file = directory.path() / "missing/doliumd.log";
  const auto log = open_log({.log_file = file});
  REQUIRE_FALSE(log);
  CHECK(log.error().message == "cannot open the log " + file +
                                   ": No such file or directory (errno 2): make its directory, or choose another "
                                   "--log-file");
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("a log that cannot be opened is an error that names it") {
  const dolium::test::TemporaryDirectory directory;
  const auto log = open_log({.log_file = directory.path()});
  REQUIRE_FALSE(log);
  CHECK(log.error().code == Errc::system_error);
  CHECK(log.error().message.find(directory.path()) != std::string::npos);
}

TEST_CASE("what a log would come to is foreseen, and nothing is made") {
  namespace fs = std::filesystem;
  const dolium::test::TemporaryDirectory directory;
  const auto foreseen = [&](const std::string& name) {
    const Config config{.log_file = directory.path() / name};
    const Result<void> result = foresee_log(config);
    const std::string text = result ? "no error" : result.error().message;
    if (!result) CHECK_THAT(text, Catch::Matchers::Contains(config.log_file));
    return text;
  };
  CHECK(foresee_log({}));
  CHECK(foreseen("doliumd.log") == "no error");
  CHECK_THAT(foreseen("missing/doliumd.log"),
             Catch::Matchers::Contains("No such file or directory") && Catch::Matchers::Contains("make its directory"));
  CHECK(fs::is_empty(directory.path()));
  directory.write("file", "as it was");
  CHECK(foreseen("file") == "no error");
  CHECK(dolium::test::text_of(directory.path() / "file") == "as it was");
  CHECK_THAT(foreseen("file/doliumd.log"), Catch::Matchers::Contains("Not a directory"));
  CHECK_THAT(foreseen(""), Catch::Matchers::Contains("Is a directory"));
  CHECK_FALSE(open_log({.log_file = directory.path() / "file/doliumd.log"}));
  if (::geteuid() != 0) return;  // root may write anywhere, another user not here
  constexpr uid_t kStranger = 12345;
  fs::permissions(directory.path(), fs::perms(0755));
  REQUIRE(::seteuid(kStranger) == 0);
  const std::vector<std::string> texts = {foreseen("file"), foreseen("new")};
  REQUIRE(::seteuid(0) == 0);
  for (const std::string& text : texts) CHECK_THAT(text, Catch::Matchers::Contains("Permission denied"));
}

TEST_CASE("no logger is registered anywhere") {
  (void)open_log({}).value();
  CHECK(spdlog::get("doliumd") == nullptr);
}

}  // namespace dolium::daemon
