// Which directories the daemon creates, accepts and refuses. Tests that need another user's files need root: otherwise
// they say so and pass.

#include "protocol/socket_directory.h"

#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "tests/temporary_directory.h"
#include "tests/user_namespace.h"

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
  const dolium::test::TemporaryDirectory directory;
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
  const dolium::test::TemporaryDirectory directory;
  CHECK_THAT(refusal(directory.path() / "a/b/dolium.sock"), Contains("No such file or directory"));
}

TEST_CASE("a file is no directory") {
  const dolium::test::TemporaryDirectory directory;
  directory.write("file", "");
  CHECK_THAT(refusal(directory.path() / "file/dolium.sock"), Contains("Not a directory"));
}

TEST_CASE("a directory where every user can replace files is refused, unless it is sticky") {
  const dolium::test::TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  CHECK_THAT(refusal(directory.path() / "dolium.sock"), Contains("every user can replace files"));
  REQUIRE(::chmod(directory.path().c_str(), 01777) == 0);
  CHECK(prepare_socket_directory(directory.path() / "dolium.sock"));
}

TEST_CASE("a directory in which this user may make nothing is foreseen, there or missing") {
  if (::geteuid() != 0) {
    WARN("needs root to be another user");
    return;
  }
  const dolium::test::TemporaryDirectory directory;
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
  const dolium::test::TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0770) == 0);
  CHECK(prepare_socket_directory(directory.path() / "dolium.sock"));  // group root is root alone
  REQUIRE(::chown(directory.path().c_str(), 0, kStranger) == 0);
  CHECK(refusal(directory.path() / "dolium.sock") ==
        "group 12345 can replace files in " + directory.path().string() +
            "; remove that permission (chmod g-w), choose another --socket, or trust the directory as it is "
            "(--trust-socket-directory)");
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
  const dolium::test::TemporaryDirectory directory;
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
  const dolium::test::TemporaryDirectory directory;
  const std::filesystem::path way = directory.path() / "way";
  const std::filesystem::path inner = way / "inner";
  const std::filesystem::path link = directory.path() / "link";
  REQUIRE(::mkdir(way.c_str(), 0755) == 0);
  REQUIRE(::mkdir(inner.c_str(), 0755) == 0);
  REQUIRE(::symlink("way/inner", link.c_str()) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK(prepare_socket_directory(inner / "dolium.sock"));
  CHECK(prepare_socket_directory(link / "dolium.sock"));

  REQUIRE(::chown(inner.c_str(), kStranger, kStranger) == 0);
  CHECK_THAT(refusal(inner / "dolium.sock"), Contains("inner belongs to user 12345"));
  REQUIRE(::chown(inner.c_str(), 0, 0) == 0);
  REQUIRE(::chmod(way.c_str(), 0777) == 0);
  CHECK_THAT(refusal(inner / "dolium.sock"), Contains("every user can replace files in " + way.string() + ";"));
  CHECK_THAT(refusal(link / "dolium.sock"), Contains("every user can replace files in " + way.string() + ";"));
  REQUIRE(::chmod(way.c_str(), 01777) == 0);
  CHECK(prepare_socket_directory(inner / "dolium.sock"));
}

TEST_CASE("directories of containers: below a private ancestor the modes of directories do not matter") {
  const dolium::test::TemporaryDirectory directory;  // 0700
  const std::filesystem::path shared = directory.path() / "shared";
  const std::filesystem::path socket = shared / "dolium.sock";
  REQUIRE(::mkdir(shared.c_str(), 0700) == 0);
  REQUIRE(::chmod(shared.c_str(), 0777) == 0);
  CHECK(refusal(socket) == "no error");
  REQUIRE(::symlink("shared", (directory.path() / "link").c_str()) == 0);
  CHECK(refusal(directory.path() / "link/dolium.sock") == "no error");
  CHECK(refusal(directory.path() / "shared/../shared/dolium.sock") == "no error");

  REQUIRE(::chmod(directory.path().c_str(), 0711) == 0);
  CHECK_THAT(refusal(socket), Contains("every user can replace files in " + shared.string() + ";"));
  CHECK_THAT(refusal(directory.path() / "link/dolium.sock"), Contains("every user can replace files in"));
}

TEST_CASE("directories of containers: what a link or .. leads out of a private ancestor is checked like any other") {
  const dolium::test::TemporaryDirectory directory;
  const std::filesystem::path closed = directory.path() / "closed";
  const std::filesystem::path open = directory.path() / "open";
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(::mkdir(closed.c_str(), 0700) == 0);
  REQUIRE(::mkdir(open.c_str(), 0755) == 0);
  REQUIRE(::chmod(open.c_str(), 0777) == 0);
  REQUIRE(::symlink("../open", (closed / "out").c_str()) == 0);
  CHECK_THAT(refusal(closed / "out/dolium.sock"), Contains("every user can replace files in"));
  CHECK_THAT(refusal(closed / "../open/dolium.sock"), Contains("every user can replace files in"));
}

TEST_CASE("directories of containers: one that is taken as it is need only be a directory") {
  const dolium::test::TemporaryDirectory directory;
  const std::filesystem::path socket = directory.path() / "dolium.sock";
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  CHECK_THAT(refusal(socket), Contains("--trust-socket-directory"));
  CHECK(foresee_socket_directory(socket, DirectoryTrust::as_it_is));
  CHECK(prepare_socket_directory(socket, DirectoryTrust::as_it_is));
  CHECK(prepare_socket_directory(directory.path() / "made/dolium.sock", DirectoryTrust::as_it_is));
  CHECK(mode_of(directory.path() / "made") == 0700);
  directory.write("file", "");
  CHECK_FALSE(prepare_socket_directory(directory.path() / "file/dolium.sock", DirectoryTrust::as_it_is));
}

TEST_CASE(
    "directories of containers: where / belongs to nobody, the host's directories are taken, a stranger's are not") {
  if (::geteuid() != 0) {
    WARN("needs root to make another user's files");
    return;
  }
  constexpr uid_t kUser = 61'000;
  const dolium::test::TemporaryDirectory directory;
  const std::filesystem::path own = directory.path() / "own";
  const std::filesystem::path strange = directory.path() / "strange";
  for (const auto& [path, owner] : {std::pair(own, kUser), std::pair(strange, kStranger)}) {
    REQUIRE(::mkdir(path.c_str(), 0755) == 0);
    REQUIRE(::chown(path.c_str(), owner, owner) == 0);
  }
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(::chown(directory.path().c_str(), kUser, kUser) == 0);
  const std::string words = dolium::test::in_user_namespace({kUser, kUser}, kUser, [&] {
    struct stat root {};
    std::string out = ::stat("/", &root) == 0 ? std::to_string(root.st_uid) : "cannot look at /";
    for (const auto& path : {own, strange, std::filesystem::path("/tmp"), std::filesystem::path("/usr")})
      if (auto checked = check_socket_directory(path / "dolium.sock", ::geteuid()); checked)
        out += "\nno error";
      else
        out += "\n" + checked.error().message;
    return out;
  });
  if (words == dolium::test::kNoNamespace) {
    WARN(words);
    return;
  }
  CHECK(words == fmt::format("65534\nno error\n{} belongs to a user that this user namespace does not map (shown as "
                             "65534), who could put another socket there; choose another --socket, or trust the "
                             "directory as it is (--trust-socket-directory)\nno error\nno error",
                             strange.string()));
}

}  // namespace dolium::protocol
