#pragma once
// Keeps the arena's memory warm ahead of its use, and makes the tables large pages behind it (`prefault`), on another
// thread: a stretch takes the kernel some milliseconds, and the loop has clients to answer. See
// shm/arena/arena_memory.h for what a stretch is, shm/os/large_pages.h for the tables.

#include <spdlog/logger.h>

#include "daemon/server/event_loop.h"
#include "shm/store/store.h"

namespace dolium::daemon {

class Warmer {
 public:
  /// All three outlive it.
  Warmer(EventLoop& loop, shm::Store& store, spdlog::logger& log) noexcept
      : store_(store), log_(log), background_(loop) {}

  /// Begins the next stretch if there is one and none is under way. Call it whenever the store may have grown.
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
