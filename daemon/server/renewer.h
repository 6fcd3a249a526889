#pragma once
// Renewer: replaces pages that I/O of a dead client may still reach (shm/arena/quarantine.h). On another thread: 8 GiB
// take the kernel seconds, and the loop must serve clients.

#include <spdlog/logger.h>

#include "daemon/server/event_loop.h"
#include "shm/store/store.h"

namespace dolium::daemon {

class Renewer {
 public:
  /// All three must outlive it.
  Renewer(EventLoop& loop, shm::Store& store, spdlog::logger& log) noexcept
      : store_(store), log_(log), background_(loop) {}

  /// Starts the next piece if one is due and none is running. Call it whenever that may have changed.
  void go_on();

 private:
  void tell(const Result<void>& reserved);

  shm::Store& store_;
  spdlog::logger& log_;
  bool short_of_memory_ = false;
  Background background_;
};

}  // namespace dolium::daemon
