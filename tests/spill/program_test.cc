// The real program doliumd-spill, on a real directory, against a server that a test speaks for.

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "daemon/spill/raw_io.h"
#include "tests/e2e/process.h"
#include "tests/spill/crash_model.h"
#include "tests/spill/fake_server.h"
#include "tests/temporary_directory.h"

namespace {

using namespace dolium;
using namespace dolium::test;
using e2e::Process;
using protocol::TierReadOutcome;
using protocol::TierWorkNoticeT;
using protocol::TierWriteOutcome;

/// The program, its directory and its server.
struct Program {
  Program() {
    REQUIRE(::mkdir(directory.c_str(), 0700) == 0);
    server.emplace(home + "/socket");
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { process = {}; }

  void start(const std::string& io = "auto", const std::string& capacity = "0") {
    const shm::UniqueFd token(::memfd_create("token", 0));  // inherited
    const std::string text = "00000000000000120000000000000034";
    REQUIRE(::pwrite(token.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    process = Process::start({DOLIUM_SPILL_PATH, "--socket", home + "/socket", "--directory", directory, "--capacity",
                              capacity, "--io", io, "--token-fd", std::to_string(token.get())},
                             {});
  }
  std::vector<protocol::TierRecord> welcome() {
    return server->welcome([](const protocol::TierRecord&) { return true; });
  }
  /// Writes these objects; their locations.
  std::vector<std::uint64_t> write(const std::vector<protocol::TierWrite>& writes) {
    TierWorkNoticeT work;
    work.writes = writes;
    server->ask(std::move(work));
    std::vector<std::uint64_t> locations;
    for (const protocol::TierWritten& each : server->await_written(writes.size())) {
      CHECK(each.outcome() == TierWriteOutcome::done);
      CHECK(each.location() != 0);
      locations.push_back(each.location());
    }
    return locations;
  }
  TierReadOutcome read(const protocol::TierRead& wanted) {
    TierWorkNoticeT work;
    work.reads.push_back(wanted);
    server->ask(std::move(work));
    const auto answers = server->await_read(1);
    CHECK(answers.front().number() == wanted.number());
    return answers.front().outcome();
  }
  bool has(const protocol::TierWrite& written, std::uint64_t location, const std::vector<std::byte>& expected) {
    const protocol::TierRead room = server->room_for(written, location);
    if (read(room) != TierReadOutcome::done) return false;
    const auto bytes = server->bytes(room);
    return std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end());
  }

  const TemporaryDirectory folder{"/var/tmp"};
  const std::string home = folder.path();
  const std::string directory = home + "/spill";
  std::optional<FakeServer> server;
  Process process;
};

std::vector<std::byte> bytes_of(std::uint64_t number, std::size_t size) {
  return make_object(number, number, size).bytes;
}

}  // namespace

TEST_CASE("doliumd-spill writes objects, lets go of them, and reads them back") {
  Program program;
  const auto io = GENERATE(as<std::string>(), "io_uring", "threads");
  if (io == "io_uring" && !spill::make_uring_io()) return;
  program.start(io);
  CHECK(program.welcome().empty());
  CHECK(program.server->token == std::pair<std::uint64_t, std::uint64_t>(0x12, 0x34));
  const std::vector<std::size_t> sizes = {1, 100, 5000, 1'000'000, 17'000'000};
  std::vector<protocol::TierWrite> writes;
  for (std::size_t i = 0; i < sizes.size(); ++i) writes.push_back(program.server->put(i + 1, bytes_of(i, sizes[i])));
  TierWorkNoticeT work;
  work.writes = writes;
  program.server->ask(std::move(work));
  std::map<std::uint32_t, std::uint64_t> locations;
  for (const auto& each : program.server->await_written(sizes.size())) {
    CHECK(each.outcome() == TierWriteOutcome::done);
    CHECK(program.server->references(each.slot()) == 0);
    locations[each.slot()] = each.location();
  }
  for (std::size_t i = 0; i < sizes.size(); ++i)
    CHECK(program.has(writes[i], locations.at(writes[i].slot()), bytes_of(i, sizes[i])));
  program.server->await_state([](const protocol::TierStateRequestT& state) { return state.records == 5; });
  CHECK(program.server->state().io == io);
  CHECK(program.server->state().directory == program.directory);
  CHECK(program.server->state().phase == protocol::TierPhase::ready);
}

TEST_CASE("answers to very many writes come in order, in messages of a bounded size") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  std::vector<protocol::TierWrite> writes;
  for (std::uint64_t i = 0; i < 5000; ++i) writes.push_back(program.server->put(i + 1, bytes_of(i, 100)));
  const std::vector<std::uint64_t> locations = program.write(writes);
  CHECK(std::ranges::is_sorted(locations));
  CHECK(program.server->most_answers <= 1024);
  for (const std::size_t i : {0, 1023, 1024, 4999}) CHECK(program.has(writes[i], locations[i], bytes_of(i, 100)));
}

TEST_CASE("doliumd-spill that is killed keeps what it has told, and forgets what the store does not know") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  CHECK(program.server->hello().incarnation->high() == 0);
  const auto first = program.server->put(1, bytes_of(1, 3000));
  const auto second = program.server->put(2, bytes_of(2, 3000));
  const auto locations = program.write({first, second});
  CHECK(program.process.kill() == "signal 9");
  program.start();
  const auto records =
      program.server->welcome([&](const protocol::TierRecord& record) { return record.location() == locations[0]; });
  CHECK(records.size() == 2);
  CHECK(program.server->hello().incarnation->high() == 11);
  for (const auto& each : records) {
    CHECK(each.incarnation().high() == 11);
    CHECK(each.uid() == 5);
    CHECK(each.data_size() == 3000);
  }
  CHECK(program.has(first, locations[0], bytes_of(1, 3000)));
  CHECK(program.read(program.server->room_for(second, locations[1])) == TierReadOutcome::gone);
}

TEST_CASE("doliumd-spill connects again when the server is gone, and tells its catalogue") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  const auto object = program.server->put(1, bytes_of(1, 3000));
  const auto locations = program.write({object});
  program.server->hang_up();
  const auto records = program.welcome();
  REQUIRE(records.size() == 1);
  CHECK(records.front().location() == locations.front());
  CHECK(program.has(object, locations.front(), bytes_of(1, 3000)));
}

TEST_CASE("doliumd-spill ends when it is told to, and the next one reads footers") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  program.write({program.server->put(1, bytes_of(1, 3000))});
  program.process.signal(SIGTERM);
  CHECK(program.process.wait() == "exit 0");
  std::uintmax_t smallest = UINTMAX_MAX;
  for (const auto& each : std::filesystem::directory_iterator(program.directory))
    if (each.path().filename().string().starts_with("segment-")) smallest = std::min(smallest, each.file_size());
  CHECK(smallest == 4096 + 4096 + 4096 + 4096);  // heads, bytes, footer, trailer
  program.start();
  CHECK(program.welcome().size() == 1);
}

TEST_CASE(
    "a large catalogue is told some messages ahead of the answers, each of which drops records of its own message") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  std::vector<protocol::TierWrite> writes;
  for (std::uint64_t i = 0; i < 5000; ++i) writes.push_back(program.server->put(i + 1, bytes_of(i, 100)));
  std::vector<std::uint64_t> known = program.write(writes);
  std::erase_if(known, [](std::uint64_t location) { return location % 700 == 0; });
  CHECK(known.size() < writes.size() - 6);
  program.server->hang_up();
  program.server->late_answers = 3;
  const auto is_known = [&](const protocol::TierRecord& record) { return record.location() % 700 != 0; };
  CHECK(program.server->welcome(is_known).size() == writes.size());
  program.process.signal(SIGTERM);
  CHECK(program.process.wait() == "exit 0");
  program.start();
  std::vector<std::uint64_t> left;
  for (const auto& each : program.welcome()) left.push_back(each.location());
  std::ranges::sort(left);
  CHECK(left == known);
}

TEST_CASE("dropped and cleared objects are not in the next catalogue") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  const auto first = program.server->put(1, bytes_of(1, 100));
  const auto second = program.server->put(2, bytes_of(2, 100));
  const auto third = program.server->put(3, bytes_of(3, 100));
  const auto locations = program.write({first, second, third});
  TierWorkNoticeT work;
  work.drops.emplace_back(locations[2], third.id());
  work.clear = true;
  work.clear_through = 1;  // the stamp of the first
  program.server->ask(std::move(work));
  program.server->await_state([](const protocol::TierStateRequestT& state) { return state.records == 1; });
  program.process.signal(SIGTERM);
  CHECK(program.process.wait() == "exit 0");
  program.start();
  const auto records = program.welcome();
  REQUIRE(records.size() == 1);
  CHECK(records.front().location() == locations[1]);
}

TEST_CASE("doliumd-spill says that it is full before it refuses an object") {
  Program program;
  program.server->disk_capacity = std::uint64_t{1} << 20;
  program.start("auto", std::to_string(program.server->disk_capacity));
  CHECK(program.welcome().empty());
  TierWorkNoticeT work;
  work.writes.push_back(program.server->put(1, bytes_of(1, 100)));
  program.server->ask(std::move(work));
  CHECK(program.server->await_written(1).front().outcome() == TierWriteOutcome::full);
  CHECK(program.server->state().phase == protocol::TierPhase::full);
  CHECK_THAT(program.server->state().reason, Catch::Contains("capacity of 1 MiB is reached"));
}

TEST_CASE("an operator's verify names the damaged object, and compact frees the dropped ones") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  const auto object = program.server->put(1, bytes_of(1, 3000));
  program.write({object, program.server->put(2, bytes_of(2, 3000))});
  for (const auto& each : std::filesystem::directory_iterator(program.directory)) {
    const shm::UniqueFd file(::open(each.path().c_str(), O_RDWR | O_CLOEXEC));
    if (each.path().filename().string().starts_with("segment-")) {
      std::byte first{};
      REQUIRE(::pread(file.get(), &first, 1, 4096) == 1);
      first ^= std::byte{1};
      if (first != std::byte{1}) REQUIRE(::pwrite(file.get(), &first, 1, 4096) == 1);
    }
  }
  TierWorkNoticeT work;
  work.orders.emplace_back(8, protocol::TierOrderKind::verify);
  work.orders.emplace_back(9, protocol::TierOrderKind::compact);
  program.server->ask(std::move(work));
  const auto verified = program.server->await_order();
  CHECK(verified.number == 8);
  CHECK(verified.finished);
  CHECK(verified.records == 2);
  CHECK(verified.damaged.size() == 1);
  const auto compacted = program.server->await_order();
  CHECK(compacted.number == 9);
  CHECK(compacted.finished);
}

TEST_CASE("an order to forget removes the objects and their files, and a new session begins with none") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  const auto object = program.server->put(1, bytes_of(1, 3000));
  program.write({object, program.server->put(2, bytes_of(2, 17'000'000))});
  TierWorkNoticeT work;
  work.orders.emplace_back(3, protocol::TierOrderKind::forget);
  program.server->ask(std::move(work));
  const auto done = program.server->await_order();
  CHECK(done.number == 3);
  CHECK(done.finished);
  CHECK(done.error.empty());
  CHECK(done.records == 2);
  CHECK(done.freed_bytes >= 17'000'000);
  const std::uint64_t directory = program.server->hello().directory->high();
  CHECK(program.welcome().empty());
  CHECK(program.server->hello().directory->high() == directory);
  CHECK(program.write({program.server->put(3, bytes_of(3, 3000))}).size() == 1);
}

TEST_CASE("doliumd-spill tells that its directory was moved away, and works again when it is back") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  const auto object = program.server->put(1, bytes_of(1, 3000));
  const auto locations = program.write({object});
  const std::string elsewhere = program.home + "/elsewhere";
  std::filesystem::rename(program.directory, elsewhere);
  program.server->await_state([](const protocol::TierStateRequestT& state) { return state.gone; });
  CHECK(program.server->state().phase == protocol::TierPhase::failed);
  CHECK_THAT(program.server->state().reason, Catch::Contains(program.directory) && Catch::Contains("moved"));
  std::filesystem::rename(elsewhere, program.directory);
  program.server->await_state([](const protocol::TierStateRequestT& state) { return !state.gone; });
  CHECK(program.server->state().phase == protocol::TierPhase::ready);
  CHECK(program.has(object, locations.front(), bytes_of(1, 3000)));
}

TEST_CASE("when a directory that is gone is forgotten, doliumd-spill takes the one that has its place") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  program.write({program.server->put(1, bytes_of(1, 3000))});
  const std::uint64_t before = program.server->hello().directory->high();
  std::filesystem::remove_all(program.directory);
  REQUIRE(::mkdir(program.directory.c_str(), 0700) == 0);
  program.server->await_state([](const protocol::TierStateRequestT& state) { return state.gone; });
  TierWorkNoticeT work;
  work.orders.emplace_back(3, protocol::TierOrderKind::forget);
  program.server->ask(std::move(work));
  CHECK(program.server->await_order().error.empty());
  CHECK(program.welcome().empty());
  CHECK(program.server->hello().directory->high() != before);
  CHECK(program.write({program.server->put(2, bytes_of(2, 3000))}).size() == 1);
}

TEST_CASE("doliumd-spill ends with a status of its own when it cannot use its directory") {
  Program program;
  REQUIRE(::chmod(program.directory.c_str(), 0755) == 0);
  program.start();
  CHECK(program.process.wait() == "exit 3");
  REQUIRE(::chmod(program.directory.c_str(), 0700) == 0);
  program.start();
  CHECK(program.welcome().empty());
}

TEST_CASE("doliumd-spill waits for a directory that a process without a daemon has locked") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  Process first = std::move(program.process);
  program.start();
  first.signal(SIGTERM);
  CHECK(first.wait() == "exit 0");
  CHECK(program.welcome().empty());
}

TEST_CASE("a second doliumd-spill on one directory ends with a reason") {
  Program program;
  program.start();
  CHECK(program.welcome().empty());
  Process other = Process::start(
      {DOLIUM_SPILL_PATH, "--socket", program.home + "/socket", "--directory", program.directory, "--adopt"}, {});
  CHECK(other.wait() == "exit 1");
}
