#include "shm/os/fork_mark.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <utility>

using namespace dolium::shm;

namespace {

/// What a forked child's mark says there.
bool in_child(const ForkMark& mark) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(mark.is_child() ? 1 : 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status) == 1;
}

}  // namespace

TEST_CASE("a mark knows a forked child from the process that made it, wherever it was moved to") {
  ForkMark mark = ForkMark::create().value();
  CHECK_FALSE(mark.is_child());
  CHECK(in_child(mark));
  CHECK_FALSE(mark.is_child());
  const ForkMark moved = std::move(mark);
  CHECK_FALSE(moved.is_child());
  CHECK(in_child(moved));
}

TEST_CASE("a child may claim its parent's mark, and a grandchild is told again") {
  ForkMark mark = ForkMark::create().value();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    mark.claim();
    if (mark.is_child()) ::_exit(1);
    const pid_t grandchild = ::fork();
    if (grandchild == 0) ::_exit(mark.is_child() ? 0 : 1);
    int status = 0;
    if (::waitpid(grandchild, &status, 0) != grandchild || status != 0) ::_exit(2);
    ::_exit(mark.is_child() ? 3 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK_FALSE(mark.is_child());
}

TEST_CASE("a child's own mark is no child's") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto mark = ForkMark::create();
    ::_exit(mark.has_value() && !mark->is_child() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
