// How a child has ended, and the pause before it is started again.

#include "daemon/process/child_end.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <vector>

#include "daemon/process/growing_pause.h"

namespace dolium::daemon {

TEST_CASE("the end of a child is told with its signal or its status") {
  CHECK(end_text(SIGKILL) == "by signal 9 (Killed)");
  CHECK(end_text(SIGSEGV | 0x80) == "by signal 11 (Segmentation fault)");  // with a core dump
  CHECK(end_text(3 << 8) == "with status 3");
  CHECK(end_text(0) == "with status 0");
}

TEST_CASE("pauses double up to their limit, which one cause may raise, and are short again after a long life") {
  constexpr shm::TimeNs kSecond = 1'000'000'000;
  GrowingPause pause({.first_ms = 50, .longest_ms = 200, .forgotten = 5 * kSecond});
  std::vector<int> pauses;
  for (int end = 0; end < 4; ++end) pauses.push_back(pause.after(kSecond));
  CHECK(pauses == std::vector{50, 100, 200, 200});
  for (int end = 0; end < 3; ++end) pauses.push_back(pause.after(kSecond, 1000));
  CHECK(pauses == std::vector{50, 100, 200, 200, 200, 400, 800});
  CHECK(pause.after(kSecond) == 1000);
  CHECK(pause.after(kSecond) == 200);
  CHECK(pause.after(5 * kSecond) == 50);
  CHECK(pause.after(0) == 100);
}

}  // namespace dolium::daemon
