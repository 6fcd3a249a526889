// The error that a client gets when the daemon is out of descriptors.

#include "daemon/server/descriptor_limit.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "shm/os/system_error.h"

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

TEST_CASE("a limit of descriptors that leaves no room for a client is refused in words") {
  CHECK(check_descriptor_limit());
  const pid_t child = ::fork();  // a hard limit cannot be raised again
  if (child == 0) {
    const rlimit low{kLeastDescriptors - 1, kLeastDescriptors - 1};
    const bool set = ::setrlimit(RLIMIT_NOFILE, &low) == 0;
    const Result<void> checked = check_descriptor_limit();
    const bool named = !checked && checked.error().code == Errc::invalid_argument &&
                       checked.error().message.find("limit of file descriptors is 39") != std::string::npos;
    ::_exit(set && named ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
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
