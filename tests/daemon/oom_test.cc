// How long the keeper waits after the kernel has killed a server for lack of memory.

#include "daemon/process/oom.h"

#include <catch2/catch.hpp>

namespace dolium::daemon {

TEST_CASE("memory limits: pauses after OOM kills double, and are short again after a long life") {
  GrowingPause pause(kOomPause);
  std::vector<int> pauses;
  for (int kill = 0; kill < 6; ++kill) pauses.push_back(pause.after(1'000'000));
  CHECK(pauses == std::vector{500, 1000, 2000, 4000, 8000, 8000});
  CHECK(pause.after(kOomPause.forgotten) == 500);
  CHECK(pause.after(0) == 1000);
}

}  // namespace dolium::daemon
