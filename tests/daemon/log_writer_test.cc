// The log's thread and queue: writing a line never blocks, whatever the log's descriptor does.

#include "daemon/process/log_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "shm/os/unique_fd.h"
#include "tests/log_lines.h"
#include "tests/temporary_directory.h"

namespace dolium::daemon {
namespace {

using dolium::test::TemporaryDirectory;

std::unique_ptr<LogWriter> open_writer(const std::string& path) {
  return LogWriter::open(path, [](std::string_view text) { return fmt::format("note: {}\n", text); }).value();
}

/// Until all is written.
void settle(LogWriter& writer) {
  while (!writer.settle()) std::this_thread::yield();
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A pipe with a name, and who reads it.
class NamedPipe {
 public:
  explicit NamedPipe(const TemporaryDirectory& directory) : path_(directory.path() / "pipe") {
    REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
    reader_ = shm::UniqueFd(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(::fcntl(reader_.get(), F_SETFL, 0) == 0);  // reads wait, from here on
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  void close() { reader_.reset(); }
  /// Until that was read, to the end of its line.
  [[nodiscard]] std::string read_until(std::string_view wanted) const {
    std::string text;
    std::array<char, 4096> part;
    while (text.find(wanted) == std::string::npos || !text.ends_with('\n')) {
      const ssize_t size = ::read(reader_.get(), part.data(), part.size());
      if (size <= 0) break;
      text.append(part.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  std::string path_;
  shm::UniqueFd reader_;
};

}  // namespace

TEST_CASE("log writer: lines arrive whole and in order, and the rest when it ends") {
  const TemporaryDirectory directory;
  const std::string file = directory.path() / "log";
  std::string expected;
  const auto writer = open_writer(file);
  for (int n = 0; n < 100; ++n) {
    const std::string line = fmt::format("line {}\n", n);
    expected += line;
    writer->write(line);
  }
  settle(*writer);
  CHECK(content_of(file) == expected);
}

TEST_CASE("log writer: a line that is too long is cut, and stays one line") {
  const TemporaryDirectory directory;
  const std::string file = directory.path() / "log";
  open_writer(file)->write(std::string(3 * LogWriter::kMaxLineBytes, 'x') + '\n');
  CHECK(content_of(file) == std::string(LogWriter::kMaxLineBytes - 1, 'x') + '\n');
}

TEST_CASE(
    "log writer: what does not fit into the queue of a pipe that nobody reads is counted, and told when it is read") {
  const TemporaryDirectory directory;
  const NamedPipe pipe(directory);
  const auto writer = open_writer(pipe.path());
  constexpr std::size_t kLines = 5000;  // 100 bytes each: more than pipe and queue hold
  for (std::size_t n = 0; n < kLines; ++n) {
    writer->write(std::string(99, 'x') + '\n');
    static_cast<void>(writer->settle());  // waits a moment once, and then no more
  }
  const std::string text = pipe.read_until("note: ");
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) - 1;
  const auto dropped = dolium::test::number_between(text, "note: ", " lines of this log were dropped: ");
  REQUIRE(dropped);
  CHECK(lines + *dropped == kLines);
  CHECK(lines >= LogWriter::kMaxQueuedBytes / 100);
}

TEST_CASE("log writer: what is lost at its end is counted once, and another writer tells of it") {
  const TemporaryDirectory directory;
  const NamedPipe pipe(directory);
  const auto stuck = open_writer(pipe.path());
  constexpr std::uint64_t kLines = 5000;
  for (std::uint64_t n = 0; n < kLines; ++n) stuck->write(std::string(99, 'x') + '\n');
  const std::uint64_t lost = stuck->finish();
  CHECK(lost > 0);
  CHECK(lost <= kLines);
  const std::string file = directory.path() / "log";
  const auto next = open_writer(file);
  next->count_lost(0);
  next->count_lost(lost);
  next->write("a line\n");
  CHECK(next->finish() == 0);
  CHECK_THAT(content_of(file), Catch::Contains(fmt::format("note: {} lines of this log were dropped", lost)));
  // What was written is not counted.
  CHECK_THAT(pipe.read_until("x\n"), Catch::StartsWith(std::string(99, 'x')));
}

TEST_CASE("log writer: a reader that goes away while the writer waits for it kills nothing, and the writer ends") {
  ::signal(SIGPIPE, SIG_IGN);
  const TemporaryDirectory directory;
  NamedPipe pipe(directory);
  auto writer = open_writer(pipe.path());
  for (int n = 0; n < 5000; ++n) writer->write(std::string(99, 'x') + '\n');
  SECTION("it goes away") {
    pipe.close();
  }
  SECTION("it stays, and does not read") {}
  writer.reset();
  ::signal(SIGPIPE, SIG_DFL);
  SUCCEED("the writer has ended");
}

TEST_CASE("log writer: what a full file did not take is told in the next line that it takes, with the reason") {
  ::signal(SIGXFSZ, SIG_IGN);
  const TemporaryDirectory directory;
  const std::string file = directory.path() / "log";
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto writer = open_writer(file);
  const rlimit small{.rlim_cur = 10, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  for (const char* line : {"first\n", "second\n", "third\n"}) writer->write(line);
  settle(*writer);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, SIG_DFL);
  CHECK(content_of(file) == "first\nseco");
  writer->write("fourth\n");
  settle(*writer);
  CHECK(content_of(file) ==
        "first\nseco\nfourth\nnote: 2 lines of this log were dropped: they could not be written: File too large\n");
}

TEST_CASE("log writer: after rotation by renaming, reopen() goes on in a new file; where it cannot, in the old one") {
  namespace fs = std::filesystem;
  const TemporaryDirectory directory;
  const std::string file = directory.path() / "log", rotated = file + ".1";
  const auto writer = open_writer(file);
  writer->write("one\n");
  settle(*writer);
  fs::rename(file, rotated);
  writer->reopen();
  writer->write("two\n");
  settle(*writer);
  CHECK(content_of(rotated) == "one\n");
  CHECK(content_of(file) == "two\n");
  fs::rename(file, rotated);
  fs::create_directory(file);
  writer->reopen();
  writer->write("three\n");
  settle(*writer);
  CHECK(content_of(rotated) == "two\nnote: cannot open the log " + file +
                                   ": Is a directory (errno 21): the log continues in the old file\nthree\n");
}

TEST_CASE("log writer: a forked child, which has no thread for it, can say why it ends") {
  const TemporaryDirectory directory;
  const std::string file = directory.path() / "log";
  const auto writer = open_writer(file);
  const pid_t child = ::fork();
  if (child == 0) {
    writer->write_last("cannot become the server");
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(content_of(file) == "note: cannot become the server\n");
}

TEST_CASE("log writer: a pipe that nobody reads yet is an error, not a wait") {
  const TemporaryDirectory directory;
  NamedPipe pipe(directory);
  pipe.close();
  const auto writer = LogWriter::open(pipe.path(), {});
  REQUIRE_FALSE(writer);
  CHECK_THAT(writer.error().message, Catch::Contains(pipe.path()) && Catch::Contains("a pipe that no process reads"));
}

}  // namespace dolium::daemon
