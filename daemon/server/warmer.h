#pragma once
// Warmer: prefaults the arena's memory ahead of its use, and then makes the tables 2 MiB pages (`prefault`). On another
// thread: a stretch takes the kernel some milliseconds, and the loop must serve clients. shm/arena/arena_memory.h
// explains stretches, shm/os/large_pages.h the tables.

#include <spdlog/logger.h>

#include "daemon/server/event_loop.h"
#include "shm/store/store.h"

namespace dolium::daemon {

class Warmer {
 public:
  /// All three must outlive it.
  Warmer(EventLoop& loop, shm::Store& store, spdlog::logger& log) noexcept
      : store_(store), log_(log), background_(loop) {}

  /// Starts the next stretch if there is one and none is running. Call it whenever the store may have grown.
  void go_on();

 private:
  void warm(const shm::ArenaMemory::Stretch& stretch);
  void enlarge(std::span<std::byte> table);
  void tell(const shm::ArenaMemory::Warmth& warmth);
  void tell_of_small_pages(const char* what, const char* slow, const Error& why);

  shm::Store& store_;
  spdlog::logger& log_;
  bool told_of_small_pages_ = false;
  Background background_;
};

}  // namespace dolium::daemon
