// UniqueFd: one owner, closed once.

#include "shm/os/unique_fd.h"

#include <fcntl.h>

#include <catch2/catch.hpp>

using dolium::shm::UniqueFd;

namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

int open_one() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  return fd;
}

}  // namespace

TEST_CASE("a descriptor is closed with its owner, and follows it when it moves") {
  const int raw = open_one();
  {
    UniqueFd first(raw);
    const UniqueFd second(std::move(first));
    CHECK_FALSE(first.valid());
    CHECK(second.get() == raw);
    CHECK(is_open(raw));
  }
  CHECK_FALSE(is_open(raw));
}

TEST_CASE("what is replaced is closed, what is released is not") {
  const int first = open_one();
  const int second = open_one();
  UniqueFd owner(first);
  owner = UniqueFd(second);
  CHECK_FALSE(is_open(first));
  CHECK(owner.release() == second);
  CHECK_FALSE(owner.valid());
  CHECK(is_open(second));
  owner.reset(second);
  owner.reset();
  CHECK_FALSE(is_open(second));
}
