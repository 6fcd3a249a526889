#pragma once
// How many processor cores this process may run on: who has only one gains nothing by looking again and again for
// what another process must do first.

#include <sched.h>

namespace dolium::shm {

/// Between two looks at what another core is about to write: costs some dozen cycles, and leaves them to its sibling.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

[[nodiscard]] inline unsigned core_count() noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  // Fails on machines with more cores than the set can name.
  return ::sched_getaffinity(0, sizeof(cores), &cores) != 0 ? CPU_SETSIZE : static_cast<unsigned>(CPU_COUNT(&cores));
}

[[nodiscard]] inline bool has_several_cores() noexcept {
  return core_count() > 1;
}

}  // namespace dolium::shm
