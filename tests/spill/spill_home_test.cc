// Whether a spill directory can be used: its place, its owner, its lock, its superblock.

#include "daemon/spill_home/spill_directory.h"

#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "daemon/spill/checksum.h"
#include "tests/temporary_directory.h"

namespace {

using namespace dolium;
using namespace dolium::test;
using namespace dolium::spill;

/// On a disk: /tmp may be in memory.
constexpr const char* kHomeDisk = "/var/tmp";
const Machine kHere{"aaaa", "here", false};

/// Why it is refused, if the cause stays until an operator acts.
std::string refusal(const std::string& path) {
  const auto findings = examine_spill_directory(path, kHere);
  if (findings) return "";
  CHECK(is_permanent(findings.error()));
  return findings.error().message;
}

Superblock superblock_of(const std::string& machine) {
  Superblock block;
  machine.copy(block.machine.data(), block.machine.size() - 1);
  std::string("there").copy(block.host.data(), block.host.size() - 1);
  seal_superblock(block);
  return block;
}

void write_superblock(const TemporaryDirectory& directory, const Superblock& block, std::size_t size = sizeof(block)) {
  std::string bytes(sizeof(block), ' ');
  std::memcpy(bytes.data(), &block, sizeof(block));
  directory.write("superblock", bytes.substr(0, size));
}

}  // namespace

TEST_CASE("a spill directory is examined without changing it") {
  const TemporaryDirectory directory(kHomeDisk);
  const auto findings = examine_spill_directory(directory.path(), kHere);
  REQUIRE(findings);
  CHECK(findings->free_bytes > 0);
  CHECK_FALSE(findings->holder);
  CHECK(std::filesystem::is_empty(directory.path()));
  write_superblock(directory, superblock_of("aaaa"));
  CHECK(refusal(directory.path()).empty());
}

TEST_CASE("a spill directory that others may enter is refused, with the command that mends it") {
  const TemporaryDirectory directory(kHomeDisk);
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK_THAT(refusal(directory.path()), Catch::Contains("(mode 755)") && Catch::Contains("run chmod 700"));
}

TEST_CASE("a spill directory that does not exist, or is none, is refused") {
  CHECK_THAT(refusal("/var/tmp/there/is/none"), Catch::Contains("No such file") && Catch::Contains("make it"));
  const TemporaryDirectory directory(kHomeDisk);
  directory.write("file", "x");
  CHECK_THAT(refusal(directory.path() / "file"), Catch::Contains("Not a directory"));
}

TEST_CASE(
    "a spill directory where something else has the name of one of its files is refused, at the check and the start") {
  const TemporaryDirectory directory(kHomeDisk);
  const std::string name = GENERATE("lock", "superblock", "superblock.new");
  const std::filesystem::path path = directory.path() / name;
  const std::string kind = GENERATE("a directory", "a symbolic link", "a FIFO");
  CAPTURE(name, kind);
  if (kind == "a directory") std::filesystem::create_directory(path);
  if (kind == "a symbolic link") std::filesystem::create_symlink("/nowhere", path);
  if (kind == "a FIFO") REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const std::string said = kind + " named \"" + name + "\"";
  CHECK_THAT(refusal(directory.path()), Catch::Contains(said));
  const auto opened = open_spill_directory(directory.path());
  REQUIRE_FALSE(opened);
  CHECK(is_permanent(opened.error()));
  CHECK_THAT(opened.error().message, Catch::Contains("move it away"));
}

TEST_CASE("a spill directory in memory is refused") {
  struct statfs info {};
  if (::statfs("/dev/shm", &info) != 0 || static_cast<std::uint64_t>(info.f_type) != TMPFS_MAGIC) {
    WARN("/dev/shm is no tmpfs here");
    return;
  }
  CHECK_THAT(refusal("/dev/shm"), Catch::Contains("is in memory (tmpfs)"));
}

TEST_CASE("the content of a spill directory is looked at before a start") {
  const TemporaryDirectory directory(kHomeDisk);
  directory.write("thesis.txt", "x");
  CHECK_THAT(refusal(directory.path()),
             Catch::Contains(directory.path()) && Catch::Contains("has other files (thesis.txt)"));
  write_superblock(directory, superblock_of("bbbb"));
  CHECK_THAT(refusal(directory.path()), Catch::Contains("belongs to the host \"there\" (machine id bbbb), and this is "
                                                        "\"here\" (aaaa)"));
  Superblock block = superblock_of("aaaa");
  write_superblock(directory, block);
  CHECK(refusal(directory.path()).empty());
  write_superblock(directory, block, 100);
  CHECK_THAT(refusal(directory.path()), Catch::Contains("too short"));
  block.opens ^= 1;
  write_superblock(directory, block);
  CHECK_THAT(refusal(directory.path()), Catch::Contains("damaged (wrong checksum)"));
  block.format = 7;
  write_superblock(directory, block);
  CHECK_THAT(refusal(directory.path()), Catch::Contains("has format 7, and this version reads format 1 only"));
  block.magic = 1;
  write_superblock(directory, block);
  CHECK_THAT(refusal(directory.path()), Catch::Contains("is not one of Dolium"));
}

TEST_CASE("a spill directory in a container's own layer is warned of") {
  struct statfs info {};
  const TemporaryDirectory directory(kHomeDisk);
  if (::statfs(directory.path().c_str(), &info) != 0 ||
      static_cast<std::uint64_t>(info.f_type) != OVERLAYFS_SUPER_MAGIC) {
    WARN("no overlayfs here");
    return;
  }
  const auto findings = examine_spill_directory(directory.path(), kHere);
  REQUIRE(findings);
  REQUIRE(findings->warnings.size() == 1);
  CHECK_THAT(findings->warnings.front(), Catch::Contains("container's own layer"));
}

TEST_CASE("the process that has a spill directory locked is named") {
  const TemporaryDirectory directory(kHomeDisk);
  const auto opened = open_spill_directory(directory.path());
  REQUIRE(opened);
  const auto lock = lock_spill_directory(*opened, directory.path());
  REQUIRE(lock);
  const auto findings = examine_spill_directory(directory.path(), kHere);
  REQUIRE(findings);
  REQUIRE(findings->holder);
  CHECK(findings->holder->process == ::getpid());
  const auto second = lock_spill_directory(*opened, directory.path());
  REQUIRE_FALSE(second);
  CHECK_THAT(second.error().message,
             Catch::Contains(directory.path()) && Catch::Contains("in use by process " + std::to_string(::getpid())));
  const Error lives = locked({12, 34}, "/d");
  CHECK(is_permanent(lives));
  CHECK_THAT(lives.message, Catch::Contains("/d is in use by process 12, of the daemon that is process 34"));
  const Error orphan = locked({12, 0}, "/d");
  CHECK_FALSE(is_permanent(orphan));
  CHECK_THAT(orphan.message, Catch::Contains("process 12, whose daemon has ended"));
}

TEST_CASE("the superblock's checksum is the CRC32C of the rest of the disk's format") {
  Superblock block = superblock_of("aaaa");
  const std::uint32_t crc = std::exchange(block.crc, 0);
  CHECK(crc == crc32c(std::as_bytes(std::span(&block, 1))));
}

TEST_CASE("causes that may pass are told from those that stay") {
  for (const int number : {ENOENT, ENOTDIR, EACCES, EPERM, ENOSPC, EDQUOT})
    CHECK(is_permanent({Errc::system_error, "", RefusalCause::none, number}));
  for (const int number : {EIO, ENOMEM, EMFILE, EAGAIN, EROFS})
    CHECK_FALSE(is_permanent({Errc::system_error, "", RefusalCause::none, number}));
}
