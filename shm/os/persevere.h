#pragma once
// Calls that send or receive a message, for whom it must not be lost: made again as long as the kernel has no memory
// for it at this moment, a millisecond apart.

#include <sys/types.h>

#include <chrono>
#include <thread>

#include "shm/os/system_error.h"

namespace dolium::shm {

/// What the call returns at last; when it is still short of memory then, errno says so. Waits most_shortages ms at
/// most.
template <class Call>
[[nodiscard]] ssize_t persevere(int most_shortages, Call call) {
  for (int shortages = 0;; ++shortages) {
    const ssize_t size = retry_interrupted(call);
    if (size >= 0 || !is_short_of_memory(errno) || shortages == most_shortages) return size;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace dolium::shm
