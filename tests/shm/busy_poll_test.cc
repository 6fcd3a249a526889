#include "shm/os/busy_poll.h"

#include <catch2/catch.hpp>

using namespace dolium::shm;

namespace {

constexpr TimeNs kLong = 50'000;
constexpr TimeNs kStart = 1'000'000'000;

}  // namespace

TEST_CASE("looking goes on while giving way costs little") {
  BusyPoll poll;
  CHECK(poll.how_long(kStart) == 0);
  poll.set(kLong);
  CHECK(poll.how_long(kStart) == kLong);
  CHECK(poll.gave_way(kStart, kStart + BusyPoll::kDear - 1));
  CHECK(poll.how_long(kStart + BusyPoll::kDear) == kLong);
}

TEST_CASE("after it cost much, looking rests for as long, and is tried again") {
  BusyPoll poll;
  poll.set(kLong);
  constexpr TimeNs kLost = 4'000'000;
  CHECK_FALSE(poll.gave_way(kStart, kStart + kLost));
  const TimeNs end = kStart + kLost + kLost;
  CHECK(poll.how_long(kStart + kLost) == 0);
  CHECK(poll.how_long(end - 1) == 0);
  CHECK(poll.how_long(end) == kLong);
}

TEST_CASE("where it costs much again and again, looking rests longer each time, up to a bound") {
  BusyPoll poll;
  poll.set(kLong);
  constexpr TimeNs kLost = 4'000'000;
  TimeNs now = kStart;
  for (const TimeNs times : {1U, 2U, 4U, 8U, 16U, 16U}) {
    CAPTURE(times);
    now += kLost;
    CHECK_FALSE(poll.gave_way(now - kLost, now));
    CHECK(poll.rests(now + times * kLost - 1));
    now += times * kLost;
    CHECK_FALSE(poll.rests(now));
  }
  now += BusyPoll::kRests * kLost;               // for so long nothing happened
  CHECK_FALSE(poll.gave_way(now, now + kLost));  // two threads, one loss
  CHECK_FALSE(poll.gave_way(now, now + kLost));
  CHECK_FALSE(poll.rests(now + 2 * kLost));
}

TEST_CASE("a rest has an end, however much was lost, and is not cut short by who lost less") {
  BusyPoll poll;
  poll.set(kLong);
  constexpr TimeNs kHours = 10'000'000'000'000;
  const TimeNs end = kStart + kHours;
  CHECK_FALSE(poll.gave_way(kStart, end));
  CHECK_FALSE(poll.gave_way(end, end + BusyPoll::kDear));
  CHECK(poll.rests(end + BusyPoll::kLongestRest - 1));
  CHECK_FALSE(poll.rests(end + BusyPoll::kLongestRest));
}

TEST_CASE("who never looks never looks again, either") {
  BusyPoll poll;
  poll.set(0);
  CHECK_FALSE(poll.gave_way(kStart, kStart + BusyPoll::kDear));
  CHECK(poll.rests(kStart + BusyPoll::kDear));
  CHECK_FALSE(poll.rests(2 * kStart));
  CHECK(poll.how_long(2 * kStart) == 0);
}
