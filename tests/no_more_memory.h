#pragma once
// While a NoMoreMemory lives, this process gets no more address space. Not under sanitizers, which need memory of their
// own and end a process that gets none.

#include <sys/resource.h>

#include <catch2/catch.hpp>

namespace dolium::test {

class NoMoreMemory {
 public:
  NoMoreMemory() {
    REQUIRE(::getrlimit(RLIMIT_AS, &before_) == 0);
    const rlimit none{0, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_AS, &none) == 0);
  }
  NoMoreMemory(const NoMoreMemory&) = delete;
  NoMoreMemory& operator=(const NoMoreMemory&) = delete;
  ~NoMoreMemory() { CHECK(::setrlimit(RLIMIT_AS, &before_) == 0); }

 private:
  rlimit before_{};
};

}  // namespace dolium::test
