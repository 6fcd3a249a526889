// Which directories the daemon makes, takes and refuses. What needs another user's files needs root: as anybody
// else, those tests say so and pass.

#include "protocol/socket_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/temporary_directory.h"

namespace dolium::protocol {
namespace {

using Catch::Matchers::Contains;
constexpr uid_t kStranger = 12345;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

/// As it was foreseen.
std::string refusal(const std::filesystem::path& socket) {
  const Result<void> foreseen = foresee_socket_directory(socket);
  const Result<void> result = prepare_socket_directory(socket);
  CHECK(foreseen.has_value() == result.has_value());
  if (!foreseen && !result) CHECK(foreseen.error().code == result.error().code);
  return result ? "no error" : result.error().message;
}

}  // namespace

TEST_CASE("a missing directory is made for this user alone, an existing one is left as it is") {
  const test::TemporaryDirectory directory;
  const std::filesystem::path made = directory.path() / "made";
  CHECK(foresee_socket_directory(made / "dolium.sock"));
  CHECK_FALSE(std::filesystem::exists(made));
  CHECK(prepare_socket_directory(made / "dolium.sock"));
  CHECK(mode_of(made) == 0700);
  REQUIRE(::chmod(made.c_str(), 0755) == 0);
  CHECK(prepare_socket_directory(made / "dolium.sock"));
  CHECK(mode_of(made) == 0755);
}

TEST_CASE("a socket may lie in /tmp itself, where nobody can replace it") {
  CHECK(prepare_socket_directory("/tmp/dolium-test.sock"));
}

TEST_CASE("a relative path is taken from here") {
  CHECK(prepare_socket_directory("dolium.sock"));
}

TEST_CASE("only one directory is made") {
  const test::TemporaryDirectory directory;
  CHECK_THAT(refusal(directory.path() / "a/b/dolium.sock"), Contains("No such file or directory"));
}

TEST_CASE("a file is no directory") {
  const test::TemporaryDirectory directory;
  directory.write("file", "");
  CHECK_THAT(refusal(directory.path() / "file/dolium.sock"), Contains("Not a directory"));
}

TEST_CASE("a directory where everybody can replace files is refused, unless it is sticky") {
  const test::TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  CHECK_THAT(refusal(directory.path() / "dolium.sock"), Contains("everybody can replace files"));
  REQUIRE(::chmod(directory.path().c_str(), 01777) == 0);
  CHECK(prepare_socket_directory(directory.path() / "dolium.sock"));
}

TEST_CASE("a directory in which this user may make nothing is foreseen, there or missing") {
  if (::geteuid() != 0) {
    WARN("needs root to be another user");
    return;
  }
  const test::TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(::seteuid(kStranger) == 0);
  const Result<void> there = foresee_socket_directory(directory.path() / "dolium.sock");
  const Result<void> missing = foresee_socket_directory(directory.path() / "made/dolium.sock");
  const Result<void> prepared = prepare_socket_directory(directory.path() / "made/dolium.sock");
  REQUIRE(::seteuid(0) == 0);
  CHECK_THAT(there.error().message, Contains("make a socket in") && Contains("Permission denied"));
  CHECK(missing.error().message == prepared.error().message);
}

TEST_CASE("a directory where a group can replace files is refused, unless the group is the user's own") {
  if (::geteuid() != 0) {
    WARN("needs root to give a directory to another group");
    return;
  }
  const test::TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0770) == 0);
  CHECK(prepare_socket_directory(directory.path() / "dolium.sock"));  // group root is root alone
  REQUIRE(::chown(directory.path().c_str(), 0, kStranger) == 0);
  CHECK(refusal(directory.path() / "dolium.sock") ==
        "group 12345 can replace files in " + directory.path().string() +
            "; take that permission away (chmod g-w) or choose another --socket");
  REQUIRE(::chmod(directory.path().c_str(), 0750) == 0);
  CHECK(prepare_socket_directory(directory.path() / "dolium.sock"));
  REQUIRE(::chmod(directory.path().c_str(), 01770) == 0);
  CHECK(prepare_socket_directory(directory.path() / "dolium.sock"));
}

TEST_CASE("what a stranger put into /tmp is refused: directory, link, or anything on the way") {
  if (::geteuid() != 0) {
    WARN("needs root to make another user's files");
    return;
  }
  const test::TemporaryDirectory directory;
  const std::filesystem::path inner = directory.path() / "inner";
  const std::filesystem::path link = directory.path() / "link";
  REQUIRE(::mkdir(inner.c_str(), 0700) == 0);
  REQUIRE(::symlink("inner", link.c_str()) == 0);
  CHECK(prepare_socket_directory(inner / "dolium.sock"));
  CHECK(prepare_socket_directory(link / "dolium.sock"));

  REQUIRE(::chown(directory.path().c_str(), kStranger, kStranger) == 0);
  CHECK_THAT(refusal(inner / "dolium.sock"), Contains("belongs to user 12345"));
  REQUIRE(::chown(directory.path().c_str(), 0, 0) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 01777) == 0);
  REQUIRE(::lchown(link.c_str(), kStranger, kStranger) == 0);
  CHECK_THAT(refusal(link / "dolium.sock"), Contains("belongs to user 12345"));
}

TEST_CASE("a directory that is not sticky is refused as well when a stranger owns it, or can rename what leads to it") {
  if (::geteuid() != 0) {
    WARN("needs root to make another user's files");
    return;
  }
  const test::TemporaryDirectory directory;
  const std::filesystem::path way = directory.path() / "way";
  const std::filesystem::path inner = way / "inner";
  const std::filesystem::path link = directory.path() / "link";
  REQUIRE(::mkdir(way.c_str(), 0755) == 0);
  REQUIRE(::mkdir(inner.c_str(), 0755) == 0);
  REQUIRE(::symlink("way/inner", link.c_str()) == 0);
  CHECK(prepare_socket_directory(inner / "dolium.sock"));
  CHECK(prepare_socket_directory(link / "dolium.sock"));

  REQUIRE(::chown(inner.c_str(), kStranger, kStranger) == 0);
  CHECK_THAT(refusal(inner / "dolium.sock"), Contains("inner belongs to user 12345"));
  REQUIRE(::chown(inner.c_str(), 0, 0) == 0);
  REQUIRE(::chmod(way.c_str(), 0777) == 0);
  CHECK_THAT(refusal(inner / "dolium.sock"), Contains("everybody can replace files in " + way.string() + ";"));
  CHECK_THAT(refusal(link / "dolium.sock"), Contains("everybody can replace files in " + way.string() + ";"));
  REQUIRE(::chmod(way.c_str(), 01777) == 0);
  CHECK(prepare_socket_directory(inner / "dolium.sock"));
}

}  // namespace dolium::protocol
