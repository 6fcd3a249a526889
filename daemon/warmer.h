#pragma once
// Keeps the arena's memory warm ahead of its use (`prefault`), on another thread: a stretch takes the kernel some
// milliseconds, and the loop has clients to answer. See shm/arena_memory.h for what a stretch is.

#include <spdlog/logger.h>

#include "daemon/event_loop.h"
#include "shm/store.h"

namespace dolium::daemon {

class Warmer {
 public:
  /// All three outlive it.
  Warmer(EventLoop& loop, shm::Store& store, spdlog::logger& log) noexcept
      : store_(store), log_(log), background_(loop) {}

  /// Begins the next stretch if there is one and none is under way. Call it whenever the store may have grown.
  void go_on();

 private:
  void tell(const shm::ArenaMemory::Warmth& warmth);

  shm::Store& store_;
  spdlog::logger& log_;
  bool told_of_small_pages_ = false;
  Background background_;
};

}  // namespace dolium::daemon
