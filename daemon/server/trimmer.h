#pragma once
// Trimmer: gives free memory of the store back to the system in idle moments (`trim_above`). Looks once a second. If no
// request came since the last look, and more free memory than that is kept, gives back a piece, and looks again soon.

#include <spdlog/logger.h>

#include <cstdint>
#include <optional>

#include "daemon/server/event_loop.h"
#include "shm/store/store.h"

namespace dolium::daemon {

class Trimmer {
 public:
  static constexpr std::uint64_t kRestMs = 1000;
  /// Between two pieces.
  static constexpr std::uint64_t kPieceMs = 10;

  /// `store` and `log` outlive it. `above`: bytes of free memory that are kept; 0: never gives any back.
  Trimmer(shm::Store& store, spdlog::logger& log, std::uint64_t above) noexcept
      : store_(store), log_(log), above_(above) {}

  /// Begins, unless it is off.
  [[nodiscard]] Result<void> watch(EventLoop& loop);
  /// A request came.
  void note_request() noexcept { is_quiet_ = false; }

 private:
  void look();
  [[nodiscard]] bool give_back();

  shm::Store& store_;
  spdlog::logger& log_;
  const std::uint64_t above_;
  bool is_quiet_ = false;
  bool told_ = false;  // of a failure
  std::optional<Timer> timer_;
};

}  // namespace dolium::daemon
