#include "shm/os/private_pages.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "shm/os/basic_types.h"
#include "shm/os/mapping_limit.h"
#include "shm/os/segment.h"
#include "tests/shm/smaps.h"
#include "tests/temporary_directory.h"

using namespace dolium;
using namespace dolium::shm;

namespace {

constexpr std::uint64_t kPrivateTestBytes = 32 * kPageBytes;

/// A segment whose bytes tell where they are, mapped for writing, and a source of private copies over a read-only
/// descriptor.
struct NumberedSegment {
  Segment segment = Segment::create("test", kPrivateTestBytes).value();
  Mapping mapping = segment.map(Mapping::Mode::read_write).value();
  PageSource source = PageSource::of(segment.reopen_read_only().value()).value();

  NumberedSegment() {
    for (std::uint64_t i = 0; i < kPrivateTestBytes; ++i) mapping.data()[i] = static_cast<std::byte>(i % 251);
  }
  [[nodiscard]] std::span<std::byte> part(std::uint64_t offset, std::uint64_t size) const {
    return {mapping.data() + offset, size};
  }
  [[nodiscard]] PrivatePages copy(std::uint64_t offset, std::uint64_t size) const {
    return source.copy_on_write(offset, part(offset, size)).value();
  }
};

bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

TEST_CASE("a private copy has the segment's bytes, wherever they begin and end") {
  const NumberedSegment numbered;
  const std::uint64_t offset = GENERATE(0, 64, kPageBytes - 64, kPageBytes, 5 * kPageBytes + 1280);
  const std::uint64_t size = GENERATE(0, 1, 100, kPageBytes, PageSource::kCopyBelow - 1, PageSource::kCopyBelow,
                                      PageSource::kCopyBelow + 1, 9 * kPageBytes + 77);
  CAPTURE(offset, size);
  const PrivatePages pages = numbered.copy(offset, size);
  CHECK(equal(pages.bytes(), numbered.part(offset, size)));
  CHECK(reinterpret_cast<std::uintptr_t>(pages.bytes().data()) % kUnitBytes == 0);
}

TEST_CASE("a write to a private copy is seen by no other mapping") {
  const NumberedSegment numbered;
  const std::uint64_t size = GENERATE(100, 10 * kPageBytes);
  const PrivatePages one = numbered.copy(64, size);
  const PrivatePages other = numbered.copy(64, size);
  const std::vector<std::byte> before(other.bytes().begin(), other.bytes().end());
  std::memset(one.bytes().data(), 0xEE, one.bytes().size());
  CHECK(equal(numbered.part(64, size), before));
  CHECK(equal(other.bytes(), before));
  CHECK(equal(numbered.copy(64, size).bytes(), before));
}

TEST_CASE("a private copy costs the pages that were written") {
  const NumberedSegment numbered;
  const PrivatePages pages = numbered.copy(64, 20 * kPageBytes);
  CHECK(dolium::test::own_bytes_at(pages.bytes().data()) == 0);
  std::uint64_t sum = 0;
  for (const std::byte each : pages.bytes()) sum += static_cast<std::uint64_t>(each);
  CHECK(sum != 0);
  CHECK(dolium::test::own_bytes_at(pages.bytes().data()) == 0);
  pages.bytes()[3 * kPageBytes] = std::byte{1};
  pages.bytes()[3 * kPageBytes + 1] = std::byte{2};
  CHECK(dolium::test::own_bytes_at(pages.bytes().data()) == kPageBytes);
  pages.bytes()[7 * kPageBytes] = std::byte{3};
  pages.bytes()[12 * kPageBytes] = std::byte{4};
  CHECK(dolium::test::own_bytes_at(pages.bytes().data()) == 3 * kPageBytes);
}

TEST_CASE("a private copy is unmapped at its end, and can be moved") {
  const NumberedSegment numbered;
  const std::byte* at = nullptr;
  {
    PrivatePages pages = numbered.copy(0, 4 * kPageBytes);
    at = pages.bytes().data();
    PrivatePages moved(std::move(pages));
    CHECK(pages.bytes().empty());
    CHECK(moved.bytes().data() == at);
    pages = std::move(moved);
    CHECK(pages.bytes().data() == at);
    CHECK(dolium::test::is_listed_in_maps(at));
    pages = numbered.copy(0, 8);
    CHECK_FALSE(dolium::test::is_listed_in_maps(at));
    CHECK(equal(pages.bytes(), numbered.part(0, 8)));
  }
}

TEST_CASE("a child of fork() has a private copy of its own, with what was written before") {
  const NumberedSegment numbered;
  const PrivatePages pages = numbered.copy(0, 8 * kPageBytes);
  pages.bytes()[0] = std::byte{99};
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool inherited =
        pages.bytes()[0] == std::byte{99} && equal(pages.bytes().subspan(1), numbered.part(1, 8 * kPageBytes - 1));
    pages.bytes()[0] = std::byte{1};
    pages.bytes()[kPageBytes] = std::byte{1};
    ::_exit(inherited ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(pages.bytes()[0] == std::byte{99});
  CHECK(pages.bytes()[kPageBytes] == numbered.mapping.data()[kPageBytes]);
}

TEST_CASE("a private copy of pages from the reserved pool is copied at once") {
  // Made by hand: a pool without a page for it is no failure here.
  UniqueFd memory(::memfd_create("dolium-test", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB));
  if (!memory.valid() || ::ftruncate(memory.get(), kHugePageBytes) != 0 ||
      ::fallocate(memory.get(), 0, 0, kHugePageBytes) != 0) {
    WARN("the pool of 2 MiB pages is empty: not tested");
    return;
  }
  const Mapping mapping = Mapping::map(memory, kHugePageBytes, Mapping::Mode::read_write, "test").value();
  std::memset(mapping.data(), 7, kHugePageBytes);
  const PageSource source = PageSource::of(std::move(memory)).value();
  const std::span<const std::byte> shared(mapping.data() + 64, 10 * kPageBytes);
  const PrivatePages pages = source.copy_on_write(64, shared).value();
  CHECK(equal(pages.bytes(), shared));
  pages.bytes()[5] = std::byte{8};
  CHECK(shared[5] == std::byte{7});
}

TEST_CASE("a private copy is refused if the program has closed the descriptor, or given its number to another file") {
  const NumberedSegment numbered;
  UniqueFd memory = numbered.segment.reopen_read_only().value();
  const int number = memory.get();
  const PageSource source = PageSource::of(std::move(memory)).value();
  const UniqueFd other = Segment::create("other", kPrivateTestBytes).value().duplicate().value();
  REQUIRE(::dup3(other.get(), number, O_CLOEXEC) == number);
  const auto refused = source.copy_on_write(0, numbered.part(0, 4 * kPageBytes));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::system_error);
  CHECK(refused.error().message.find("closed the descriptor of the store's memory") != std::string::npos);
  CHECK(PageSource().copy_on_write(0, numbered.part(0, 4 * kPageBytes)).error().code == Errc::system_error);
}

TEST_CASE("a private copy that a limit refuses names the limit") {
#ifdef DOLIUM_SANITIZED
  WARN("skipped: a sanitizer ends a process that gets no memory");
  return;
#endif
  const NumberedSegment numbered;
  const auto [resource, name] =
      GENERATE(table<int, std::string>({{RLIMIT_AS, "RLIMIT_AS"}, {RLIMIT_DATA, "RLIMIT_DATA"}}));
  const pid_t child = ::fork();  // the limit stays with the child
  REQUIRE(child >= 0);
  if (child == 0) {
    rlimit limit{1, RLIM_INFINITY};
    if (::setrlimit(static_cast<decltype(RLIMIT_AS)>(resource), &limit) != 0) ::_exit(2);
    const auto refused = numbered.source.copy_on_write(0, numbered.part(0, 20 * kPageBytes));
    limit.rlim_cur = RLIM_INFINITY;
    static_cast<void>(::setrlimit(static_cast<decltype(RLIMIT_AS)>(resource), &limit));
    const bool named = !refused && refused.error().code == Errc::out_of_memory &&
                       refused.error().message.find("its limit " + name + " is 1 B") != std::string::npos;
    ::_exit(named ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("the limits on mappings and on committed memory are named, too") {
  const dolium::test::TemporaryDirectory root;
  const auto write = [&](const std::string& file, const std::string& text) {
    const std::filesystem::path path = root.path() / "proc" / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  };
  const auto why = [&] { return mapping_refused(1 << 20, ENOMEM, root.path()).message; };
  CHECK(why() == "cannot make a private copy of 1048576 bytes (1 MiB): Cannot allocate memory (errno 12)");
  write("sys/vm/overcommit_memory", "2\n");
  write("meminfo", "MemTotal:  2048 kB\nCommitLimit:    1024 kB\n");
  CHECK(why().find("vm.overcommit_memory is 2, so the kernel counts the whole copy, and CommitLimit is 1 MiB") !=
        std::string::npos);
  write("sys/vm/max_map_count", "18\n");
  write("self/maps", "1\n");
  CHECK(why().find("vm.max_map_count") == std::string::npos);
  write("self/maps", "1\n2\n");
  CHECK(why().find("the process has 2 memory mappings, and vm.max_map_count is 18") != std::string::npos);
  CHECK(mapping_refused(1, EACCES).code == Errc::system_error);
}
