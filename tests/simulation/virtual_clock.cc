#include "tests/simulation/virtual_clock.h"

#include <ctime>

namespace dolium::simulation {
namespace {
constinit shm::TimeNs time_now = 1;
}

shm::TimeNs now() noexcept {
  return time_now;
}
void set_time(shm::TimeNs time) noexcept {
  time_now = time;
}
void let_pass(shm::TimeNs time) noexcept {
  time_now += time;
}

}  // namespace dolium::simulation

/// An executable's own function comes before the C library's.
extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t, timespec* out) noexcept {
  constexpr dolium::shm::TimeNs kSecond = 1'000'000'000;
  out->tv_sec = static_cast<time_t>(dolium::simulation::now() / kSecond);
  out->tv_nsec = static_cast<long>(dolium::simulation::now() % kSecond);
  return 0;
}
