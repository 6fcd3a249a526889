// copy_bytes: copies every byte once, and no other, with any number of threads.

#include <dolium/copy.h>

#include "tests/client/store_under_test.h"
#include "tests/no_more_memory.h"

using namespace dolium;
using namespace dolium::test;

namespace {

/// No core copies it so fast that it would do without helpers.
constexpr std::size_t kLarge = 32 * kParallelCopyBytes;

}  // namespace

TEST_CASE("copy_bytes copies all that it is given and nothing beside it") {
  constexpr std::byte kUntouched{0xa5};
  const unsigned threads = GENERATE(0U, 1U, 2U, 3U, 4U, 99U);
  const std::size_t size = GENERATE(as<std::size_t>(), 0, 1, 4095, kParallelCopyBytes - 1, kParallelCopyBytes,
                                    kParallelCopyBytes + 1, 3 * kParallelCopyBytes + 4099, kLarge + 4099);
  CAPTURE(threads, size);
  const Bytes from = pattern(size, threads);
  Bytes to(size + 2, kUntouched);
  copy_bytes(std::span(to).subspan(1), from, threads);
  CHECK(same(std::span(to).subspan(1, size), from));
  CHECK(to.front() == kUntouched);
  CHECK(to.back() == kUntouched);
}

// Under the sanitizers, which take memory of their own for a thread, and end the process where they get none, this is
// no test.
#ifndef DOLIUM_SANITIZED
TEST_CASE("where no thread can be had, the caller copies all of it") {
  const Bytes from = pattern(kLarge);
  Bytes to(from.size());
  {
    const NoMoreMemory none;  // for another stack
    copy_bytes(to, from);
  }
  CHECK(to == from);
}
#endif
