// A client that dies, or leaves, while the kernel writes to its unsealed object. In one kind of test the late write is
// certain (the client has registered pages, and the test makes the kernel write to them later); in the other it is
// likely (direct I/O from a slow disk).

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/late_io.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::byte kLate{0xee};

/// A child of this process, which runs `life` and then stands still.
class StandingChild {
 public:
  template <class Life>
  explicit StandingChild(Life life) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const shm::UniqueFd out(ends[0]);
    shm::UniqueFd in(ends[1]);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const char done = life() ? 'y' : 'n';
      if (::write(in.get(), &done, 1) == 1)
        for (;;) ::pause();
      ::_exit(1);
    }
    in.reset();
    char done = 'n';
    lived_ = ::read(out.get(), &done, 1) == 1 && done == 'y';
  }
  StandingChild(const StandingChild&) = delete;
  StandingChild& operator=(const StandingChild&) = delete;
  ~StandingChild() { kill(); }

  /// Whether all of its life went as it should.
  [[nodiscard]] bool lived() const noexcept { return lived_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  bool lived_ = false;
};

/// A file without holes, on a disk.
class LateFile {
 public:
  explicit LateFile(std::size_t bytes) {
    std::string name = "/var/tmp/dolium-late-XXXXXX";
    file_ = shm::UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    REQUIRE(file_.valid());
    const std::vector<std::byte> piece(kMiB, kLate);
    for (std::size_t done = 0; done < bytes; done += piece.size())
      REQUIRE(::write(file_.get(), piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()));
    REQUIRE(::fsync(file_.get()) == 0);
    direct_ = shm::UniqueFd(::open(name.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    ::unlink(name.c_str());
  }
  [[nodiscard]] int buffered() const noexcept { return file_.get(); }
  /// -1 where the file system refuses.
  [[nodiscard]] int direct() const noexcept { return direct_.get(); }

 private:
  shm::UniqueFd file_;
  shm::UniqueFd direct_;
};

/// Fills the store, as room comes back, with objects that may not be evicted. How many.
std::size_t fill(Client& client, std::size_t bytes) {
  std::size_t count = 0;
  while (client.put(id_of(count), pattern(bytes, static_cast<std::uint32_t>(count)), {.pinned = true})) ++count;
  return count;
}

std::size_t changed(Client& client, std::size_t count, std::size_t bytes) {
  std::size_t found = 0;
  for (std::size_t n = 0; n < count; ++n)
    if (!same(client.get_raw(id_of(n)).value().data(), pattern(bytes, static_cast<std::uint32_t>(n)))) ++found;
  return found;
}

}  // namespace

TEST_CASE("a dead writer's I/O: what the kernel writes to a dead client's pages changes no sealed object") {
  constexpr std::size_t kSize = 5 * kMiB;
  constexpr std::size_t kPiece = 60'000;
  const bool prefault = GENERATE(false, true);  // small pages, and large ones that cannot be split
  const bool server_dies_too = GENERATE(false, true);
  CAPTURE(prefault, server_dies_too);
  SharedRing ring;
  if (!ring.valid()) {
    WARN("io_uring is refused here: skipped");
    return;
  }
  const LateFile file(kSize);
  Daemon daemon({"--capacity=16MiB", prefault ? "--prefault=true" : "--prefault=false"});
  const std::uint64_t clients = daemon.stats().client_count;
  if (prefault) REQUIRE(eventually([&] { return daemon.stats().reserved_bytes == 16 * kMiB; }));
  REQUIRE(outcome(daemon.watcher()->put(id_of("neighbour"), pattern(100), {.pinned = true})) == "ok");
  std::span<std::byte> pinned;
  {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const shm::UniqueFd out(ends[0]);
    const shm::UniqueFd in(ends[1]);
    StandingChild victim([&] {
      const auto client = Client::connect(daemon.socket());
      if (!client) return false;
      static Result<ObjectBuilder> builder = (*client)->create(id_of("victim"), kSize);
      if (!builder) return false;
      const std::span<std::byte> data = builder->data();
      std::ranges::fill(data, std::byte{1});
      return ring.register_buffer(data) && ::write(in.get(), &data, sizeof(data)) == sizeof(data);
    });
    if (!victim.lived()) {
      WARN("the kernel does not pin 5 MiB for a process here (ulimit -l): skipped");
      return;
    }
    REQUIRE(::read(out.get(), &pinned, sizeof(pinned)) == sizeof(pinned));
    const pid_t server = daemon.server();
    if (server_dies_too) daemon.freeze();
    victim.kill();
    if (server_dies_too) {
      daemon.kill_server();
      REQUIRE(daemon.replaced(server));
    }
  }
  REQUIRE(eventually([&] { return daemon.stats().client_count == clients; }));
  // Large pages at both ends that the I/O has pinned stay in quarantine; so do parts of pages.
  REQUIRE(eventually([&] { return daemon.stats().quarantined_bytes <= (prefault ? 4 * kMiB : 8192); }));
  CHECK(daemon.stats().quarantined_bytes > 0);
  const std::size_t count = fill(*daemon.watcher(), kPiece);
  CHECK(count * kPiece > 10 * kMiB);
  REQUIRE(ring.read(file.buffered(), 0, pinned, true));
  REQUIRE(ring.await(1));
  CHECK(ring.outcome(0) == static_cast<int>(kSize));  // all of it was written somewhere
  CHECK(changed(*daemon.watcher(), count, kPiece) == 0);
  CHECK(same(daemon.watcher()->get_raw(id_of("neighbour")).value().data(), pattern(100)));
}

TEST_CASE("a dead writer's I/O: direct reads of a file under way at its death change no sealed object") {
  // Many reads into the same bytes, so that they last longer than it takes to free, to write and to seal these.
  constexpr std::size_t kSize = kMiB;
  constexpr std::size_t kFile = 64 * kMiB;
  constexpr int kRounds = 8;
  const LateFile file(kFile);
  if (file.direct() < 0) {
    WARN("/var/tmp has no direct I/O: skipped");
    return;
  }
  Daemon daemon({"--capacity=1MiB", "--prefault=false"});
  const std::vector<std::byte> bytes = pattern(kSize);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    SharedRing ring;
    if (!ring.valid()) {
      WARN("io_uring is refused here: skipped");
      return;
    }
    StandingChild victim([&] {
      const auto client = Client::connect(daemon.socket());
      if (!client) return false;
      static Result<ObjectBuilder> builder = (*client)->create(id_of("victim"), kSize, {.timeout = kPatience});
      if (!builder) return false;
      const std::span<std::byte> data = builder->data();
      for (unsigned n = 0; n < SharedRing::kEntries; ++n)
        if (!ring.read(file.direct(), n * kSize % kFile, data, false)) return false;
      return true;
    });
    REQUIRE(victim.lived());
    victim.kill();
    // Waits for the room, and is the only object that there is room for.
    REQUIRE(outcome(daemon.watcher()->put(id_of("sealed"), bytes, {.timeout = kPatience})) == "ok");
    REQUIRE(ring.await(SharedRing::kEntries));
    CHECK(same(daemon.watcher()->get_raw(id_of("sealed")).value().data(), bytes));
    REQUIRE(daemon.watcher()->remove(id_of("sealed")).value());
  }
}

TEST_CASE("a dead writer's I/O: memory of a client that left in order is not used at once, either") {
  SharedRing ring;
  if (!ring.valid()) {
    WARN("io_uring is refused here: skipped");
    return;
  }
  constexpr std::size_t kSize = kMiB;
  constexpr std::size_t kPiece = 60'000;
  const LateFile file(kSize);
  Daemon daemon({"--capacity=4MiB", "--prefault=false"});
  const std::uint64_t clients = daemon.stats().client_count;
  std::span<std::byte> pinned;
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const shm::UniqueFd out(ends[0]);
  const shm::UniqueFd in(ends[1]);
  // It closes its connection, as a program does that closes all descriptors to become a daemon, and lives on.
  StandingChild victim([&] {
    const auto client = Client::connect(daemon.socket());
    if (!client) return false;
    static Result<ObjectBuilder> builder = (*client)->create(id_of("victim"), kSize);
    if (!builder) return false;
    const std::span<std::byte> data = builder->data();
    if (!ring.register_buffer(data) || ::write(in.get(), &data, sizeof(data)) != sizeof(data)) return false;
    for (int fd = 3; fd < 256; ++fd) {
      struct stat is {};
      if (::fstat(fd, &is) == 0 && S_ISSOCK(is.st_mode)) ::close(fd);
    }
    return true;
  });
  REQUIRE(victim.lived());
  REQUIRE(::read(out.get(), &pinned, sizeof(pinned)) == sizeof(pinned));
  REQUIRE(eventually([&] { return daemon.stats().client_count == clients; }));
  REQUIRE(eventually([&] { return daemon.stats().quarantined_bytes == 0; }));
  const std::size_t count = fill(*daemon.watcher(), kPiece);
  REQUIRE(ring.read(file.buffered(), 0, pinned, true));
  REQUIRE(ring.await(1));
  CHECK(ring.outcome(0) == static_cast<int>(kSize));
  CHECK(changed(*daemon.watcher(), count, kPiece) == 0);
}
