#include "shm/os/segment.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "shm/os/basic_types.h"

using namespace dolium;
using namespace dolium::shm;
using Mode = Mapping::Mode;

namespace {

constexpr std::uint64_t kBytes = 4 * kPageBytes;

Segment segment() {
  return Segment::create("test", kBytes).value();
}

/// How a child that does this ends: its exit status, or minus the signal that killed it.
int child_ends(const std::function<int()>& act) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    static_cast<void>(std::signal(SIGSEGV, SIG_DFL));  // sanitizers have a handler of their own
    ::_exit(act());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

bool is_mapped(const void* address) {
  return ::msync(const_cast<void*>(address), kPageBytes, MS_ASYNC) == 0;
}

}  // namespace

TEST_CASE("a large mapping begins where a 2 MiB page can") {
  const Segment memory = Segment::create("test", kHugePageBytes + kPageBytes).value();
  for (const Mode mode : {Mode::read_write, Mode::read_only}) {
    const Mapping mapping = memory.map(mode).value();
    CHECK(reinterpret_cast<std::uintptr_t>(mapping.data()) % kHugePageBytes == 0);
    CHECK(mapping.size() == kHugePageBytes + kPageBytes);
    CHECK(is_mapped(mapping.data() + kHugePageBytes));
  }
  const std::byte* gone = memory.map(Mode::read_only).value().data();
  CHECK_FALSE(is_mapped(gone));
}

TEST_CASE("a segment is zero, and all its mappings show the same memory") {
  const Segment memory = segment();
  CHECK(memory.size() == kBytes);
  const Mapping writable = memory.map(Mode::read_write).value();
  const Mapping readable = memory.map(Mode::read_only).value();
  CHECK(writable.size() == kBytes);
  CHECK(writable.data() != readable.data());
  CHECK(readable.data()[kBytes - 1] == std::byte{0});
  writable.data()[kBytes - 1] = std::byte{42};
  CHECK(readable.data()[kBytes - 1] == std::byte{42});
}

TEST_CASE("a segment's size can never change, and its seals are final") {
  const Segment memory = segment();
  const int fd = memory.fd().get();
  CHECK((::fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) ==
        (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
  CHECK(::ftruncate(fd, kBytes / 2) != 0);
  CHECK(::ftruncate(fd, kBytes * 2) != 0);
  CHECK(::fallocate(fd, 0, kBytes, kPageBytes) != 0);
  CHECK(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0);
}

TEST_CASE("a segment belongs to its owner alone, and is not inherited by programs") {
  const Segment memory = segment();
  struct stat status {};
  REQUIRE(::fstat(memory.fd().get(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const UniqueFd duplicate = memory.duplicate().value();
  const UniqueFd readable = memory.reopen_read_only().value();
  for (const int fd : {memory.fd().get(), duplicate.get(), readable.get()})
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("what was reopened read-only can neither be written nor mapped for writing") {
  const Segment memory = segment();
  const UniqueFd readable = memory.reopen_read_only().value();
  CHECK((::fcntl(readable.get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
  CHECK(::pwrite(readable.get(), "x", 1, 0) == -1);
  CHECK(Mapping::map(readable, kBytes, Mode::read_only, "copy").has_value());
  const Result<Mapping> refused = Mapping::map(readable, kBytes, Mode::read_write, "copy");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::system_error);
  CHECK(refused.error().message.find("copy") != std::string::npos);
  const Mapping mapping = Mapping::map(readable, kBytes, Mode::read_only, "copy").value();
  CHECK(::mprotect(mapping.data(), kBytes, PROT_READ | PROT_WRITE) != 0);
}

TEST_CASE("a duplicate has the same rights, and outlives the original") {
  UniqueFd duplicate;
  {
    const Segment memory = segment();
    duplicate = memory.duplicate().value();
    memory.map(Mode::read_write).value().data()[5] = std::byte{7};
  }
  const Mapping mapping = Mapping::map(duplicate, kBytes, Mode::read_write, "duplicate").value();
  CHECK(mapping.data()[5] == std::byte{7});
}

TEST_CASE("a write to a read-only mapping kills the program that made it") {
  const Segment memory = segment();
  const Mapping readable = memory.map(Mode::read_only).value();
  CHECK(child_ends([&] {
          *const_cast<volatile std::byte*>(readable.data()) = std::byte{1};
          return 0;
        }) == -SIGSEGV);
}

TEST_CASE("a mapping that is excluded from fork is not there in the child") {
  const Segment memory = segment();
  const Mapping kept = memory.map(Mode::read_write).value();
  const Mapping excluded = memory.map(Mode::read_write).value();
  REQUIRE(excluded.exclude_from_fork().has_value());
  CHECK(child_ends([&] { return (is_mapped(kept.data()) ? 1 : 0) + (is_mapped(excluded.data()) ? 2 : 0); }) == 1);
  CHECK(is_mapped(excluded.data()));
}

TEST_CASE("reserved memory is really there") {
  const Segment memory = segment();
  const auto blocks = [&] {
    struct stat status {};
    REQUIRE(::fstat(memory.fd().get(), &status) == 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  };
  CHECK(blocks() == 0);
  REQUIRE(memory.reserve(0, kPageBytes).has_value());
  CHECK(blocks() == kPageBytes);
  REQUIRE(memory.reserve(kPageBytes, kBytes).has_value());
  CHECK(blocks() == kBytes);
  CHECK_FALSE(memory.reserve(kBytes, 2 * kBytes).has_value());
}

TEST_CASE("a size that no machine has is an error with the kernel's reason") {
  const Result<Segment> refused = Segment::create("giant", std::uint64_t{1} << 63);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::system_error);
  CHECK(refused.error().message.find("giant") != std::string::npos);
  CHECK(refused.error().message.find("errno") != std::string::npos);
}

TEST_CASE("what another process made is gone on with only if its size is, and stays, what was said") {
  const Segment memory = segment();
  CHECK(Segment::adopt("other", kBytes, memory.duplicate().value()).has_value());
  CHECK(Segment::adopt("other", 2 * kBytes, memory.duplicate().value()).error().code == Errc::protocol_error);
  UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(unsealed.get(), kBytes) == 0);
  CHECK(Segment::adopt("other", kBytes, std::move(unsealed)).error().code == Errc::protocol_error);
}

TEST_CASE("a kernel that does not tell the seals is no fault of who gave the memory") {
  UniqueFd device(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Error error = Segment::adopt("other", 0, std::move(device)).error();
  CHECK(error.code == Errc::system_error);
  CHECK(error.message == "cannot read the seals of the other: Invalid argument (errno 22)");
}

TEST_CASE("mappings are left out of core dumps") {
  const Segment memory = segment();
  const Mapping mapping = memory.map(Mode::read_write).value();
  std::ifstream maps("/proc/self/smaps");
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:dolium-test") != std::string::npos) found = true;
    if (found && line.starts_with("VmFlags:")) {
      CHECK(line.find(" dd") != std::string::npos);
      break;
    }
  }
  CHECK(found);
}

TEST_CASE("segments and mappings leave no descriptor behind") {
  const std::ptrdiff_t before = open_descriptors();
  {
    Segment memory = segment();
    const Segment moved = std::move(memory);
    const Mapping mapping = moved.map(Mode::read_write).value();
    const UniqueFd readable = moved.reopen_read_only().value();
    CHECK(open_descriptors() == before + 2);  // a mapping needs none
  }
  CHECK(open_descriptors() == before);
}
TEST_CASE("a segment that is larger than files may be is an error, and no signal") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{.rlim_cur = 64 * 1024, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto refused = Segment::create("arena", 128 * 1024);
  const auto made = Segment::create("arena", 64 * 1024);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(made.has_value());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::out_of_memory);
  CHECK_THAT(refused.error().message, Catch::Contains("the arena needs 131072 bytes (128 KiB)") &&
                                          Catch::Contains("the file size limit of this process is 64 KiB") &&
                                          Catch::Contains("ulimit -f"));
}
