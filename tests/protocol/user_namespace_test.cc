// Ids in a user namespace: overflow ids identify no user.

#include "protocol/user_namespace.h"

#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "tests/temporary_directory.h"
#include "tests/user_namespace.h"

namespace dolium::protocol {
namespace {

constexpr std::uint32_t kNobody = 65534;

IdMap map_of(const std::string& lines, const std::string& overflow = "65534") {
  const dolium::test::TemporaryDirectory proc;
  proc.write("self/uid_map", lines);
  proc.write("sys/kernel/overflowuid", overflow + "\n");
  return IdMap::of_users(proc.path());
}

}  // namespace

TEST_CASE("uids of user namespaces: an overflow id identifies nobody, unless the namespace maps all ids") {
  const IdMap whole = map_of("         0          0 4294967295\n");
  CHECK(whole.identifies(kNobody));
  CHECK(whole.identifies(0));
  const IdMap one = map_of("0 1000 1\n");
  CHECK(one.identifies(0));
  CHECK_FALSE(one.identifies(kNobody));
  const IdMap with_nobody = map_of("0 100000 65536\n");  // 65534 is mapped, and those that are not look the same
  CHECK_FALSE(with_nobody.identifies(kNobody));
  CHECK(with_nobody.identifies(65535));
  const IdMap in_parts = map_of("0 0 1000\n1000 1000 4294966295\n");
  CHECK(in_parts.identifies(kNobody));
  const IdMap other_overflow = map_of("0 1000 1\n", "99");
  CHECK_FALSE(other_overflow.identifies(99));
  CHECK(other_overflow.identifies(kNobody));
}

TEST_CASE("uids of user namespaces: a map that cannot be read is not believed to be whole") {
  const dolium::test::TemporaryDirectory empty;
  CHECK_FALSE(IdMap::of_users(empty.path()).identifies(kNobody));
  CHECK(IdMap::of_users(empty.path()).identifies(0));
}

TEST_CASE("uids of user namespaces: nobody's own files are told from a stranger's, though the numbers are the same") {
  if (::geteuid() != 0) {
    WARN("needs root to make another user's files");
    return;
  }
  const dolium::test::TemporaryDirectory directory;
  for (const auto& [name, owner] : {std::pair("own", 70'000), std::pair("strange", 71'000)}) {
    directory.write(name, "");
    REQUIRE(::chown((directory.path() / name).c_str(), static_cast<uid_t>(owner), static_cast<gid_t>(owner)) == 0);
  }
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string words = dolium::test::in_user_namespace({kNobody, 70'000}, kNobody, [&] {
    struct stat own {
    }, strange{};
    if (::stat((directory.path() / "own").c_str(), &own) != 0) return std::string("cannot look");
    if (::stat((directory.path() / "strange").c_str(), &strange) != 0) return std::string("cannot look");
    return fmt::format("{} {} {} | {} {} | {}", ::geteuid(), own.st_uid, strange.st_uid,
                       owns(directory.path() / "own", own.st_uid), owns(directory.path() / "strange", strange.st_uid),
                       is_own_user(own.st_uid));
  });
  if (words == dolium::test::kNoNamespace) {
    WARN(words);
    return;
  }
  CHECK(words == "65534 65534 65534 | true false | false");
}

}  // namespace dolium::protocol
