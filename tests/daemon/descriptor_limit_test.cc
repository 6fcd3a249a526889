// What a client is told when the daemon has no descriptor left, and that it is told nothing else.

#include "daemon/descriptor_limit.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "shm/system_error.h"

namespace dolium::daemon {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

TEST_CASE("out of descriptors: the error names the limit that was met, and how to raise it") {
  const Error mine = explain_descriptors(shm::system_error("make an eventfd", EMFILE));
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(mine.code == Errc::system_error);
  CHECK_THAT(mine.message,
             Contains("LimitNOFILE=") && Contains("ulimit -n") && Contains("(" + std::to_string(limit.rlim_cur) + ")"));
  CHECK_THAT(mine.message, EndsWith("it " + shm::system_error("make an eventfd", EMFILE).message));
  CHECK_THAT(explain_descriptors(shm::system_error("x", ENFILE)).message, Contains("fs.file-max"));
}

TEST_CASE("what else failed is told as it is") {
  for (const Error& other : {shm::system_error("map the arena", ENOMEM), Error{Errc::out_of_memory, "(errno 24)"}})
    CHECK(explain_descriptors(other).message == other.message);
}

TEST_CASE("the descriptor limit is raised as far as the system lets us") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit lower = before;
  lower.rlim_cur = 64;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &lower) == 0);
  raise_descriptor_limit();
  rlimit raised{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &raised) == 0);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(raised.rlim_cur == before.rlim_max);
}

}  // namespace dolium::daemon
