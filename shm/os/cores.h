#pragma once
// How many processor cores this process may run on. With one core, busy polling is useless: the awaited process needs
// that core.

#include <sched.h>

namespace dolium::shm {

/// Pause between two looks of a busy poll. Takes some dozen cycles, and leaves the core's resources to its
/// hyper-thread.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

[[nodiscard]] inline unsigned core_count() noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  // Fails if the machine has more cores than the set can name.
  return ::sched_getaffinity(0, sizeof(cores), &cores) != 0 ? CPU_SETSIZE : static_cast<unsigned>(CPU_COUNT(&cores));
}

[[nodiscard]] inline bool has_several_cores() noexcept {
  return core_count() > 1;
}

}  // namespace dolium::shm
