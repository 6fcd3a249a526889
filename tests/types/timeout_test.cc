// Timeout: every duration converts, and none wraps around.

#include <dolium/timeout.h>

#include <catch2/catch.hpp>
#include <cmath>

namespace dolium {

using namespace std::chrono_literals;

TEST_CASE("the two named timeouts are what they say") {
  CHECK(no_wait.is_no_wait());
  CHECK_FALSE(no_wait.is_forever());
  CHECK(wait_forever.is_forever());
  CHECK_FALSE(wait_forever.is_no_wait());
  CHECK(no_wait == Timeout(0s));
  CHECK_FALSE(no_wait == wait_forever);
}

TEST_CASE("any duration converts") {
  CHECK(Timeout(5ms).duration() == 5ms);
  CHECK(Timeout(2h).duration() == 2h);
  CHECK(Timeout(7ns).duration() == 7ns);
  CHECK(Timeout(std::chrono::duration<double>(0.25)).duration() == 250ms);
  CHECK(Timeout(std::chrono::duration<int, std::ratio<1, 3>>(3)).duration() == 1s);
  static_assert(std::is_convertible_v<std::chrono::milliseconds, Timeout>);
}

TEST_CASE("zero and less mean not to wait") {
  CHECK(Timeout(-1ns).is_no_wait());
  CHECK(Timeout(std::chrono::hours::min()).is_no_wait());
  CHECK(Timeout(std::chrono::duration<double>(-0.0)).is_no_wait());
  CHECK(Timeout(std::chrono::duration<double>(std::nan(""))).is_no_wait());
}

TEST_CASE("a wait below the clock's grain is still a wait") {
  CHECK_FALSE(Timeout(std::chrono::duration<double, std::nano>(0.5)).is_no_wait());
  CHECK_FALSE(Timeout(std::chrono::duration<int, std::pico>(1)).is_no_wait());
}

TEST_CASE("what does not fit means for ever") {
  CHECK(Timeout(std::chrono::hours::max()).is_forever());
  CHECK(Timeout(std::chrono::milliseconds::max()).is_forever());
  CHECK(Timeout(std::chrono::nanoseconds::max()).is_forever());
  CHECK(Timeout(std::chrono::duration<double>(1e300)).is_forever());
  CHECK(Timeout(std::chrono::duration<double>(HUGE_VAL)).is_forever());
  CHECK_FALSE(Timeout(std::chrono::hours(24 * 365 * 292)).is_forever());
}

TEST_CASE("timeouts are constants where durations are") {
  constexpr Timeout kTimeout = 10ms;
  static_assert(!kTimeout.is_no_wait() && !kTimeout.is_forever() && kTimeout.duration() == 10ms);
  SUCCEED();
}

}  // namespace dolium
