#pragma once
// Retries sending or receiving a message while the kernel is short of memory, once a millisecond, so that no message is
// lost.

#include <sys/types.h>

#include <chrono>
#include <thread>

#include "shm/os/system_error.h"

namespace dolium::shm {

/// Returns the result of the last try. If the kernel is still short of memory after most_shortages ms, that is an
/// error, with its cause in errno.
template <class Call>
[[nodiscard]] ssize_t persevere(int most_shortages, Call call) {
  for (int shortages = 0;; ++shortages) {
    const ssize_t size = retry_interrupted(call);
    if (size >= 0 || !is_short_of_memory(errno) || shortages == most_shortages) return size;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace dolium::shm
