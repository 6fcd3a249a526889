#include "daemon/server/trimmer.h"

#include <algorithm>
#include <utility>

namespace dolium::daemon {

Result<void> Trimmer::watch(EventLoop& loop) {
  if (above_ == 0) return {};
  Result<Timer> timer = Timer::create(loop, [this] { look(); });
  if (!timer) return std::move(timer).error();
  timer_ = *std::move(timer);
  timer_->start_once(kRestMs);
  return {};
}

void Trimmer::look() {
  const bool more = std::exchange(is_quiet_, true) && give_back();
  timer_->start_once(more ? kPieceMs : kRestMs);
}

/// One piece. Returns whether there may be more.
bool Trimmer::give_back() {
  const shm::Rows& rows = store_.rows();
  const std::uint64_t kept =
      rows.memory.resident_bytes() - std::min(rows.memory.resident_bytes(), rows.arena.used_bytes());
  if (kept <= above_) return false;
  const auto trimmed = store_.room().trim_piece(std::min(kept - above_, shm::Room::kMostTrimmed));
  if (!trimmed && !std::exchange(told_, true))
    log_.warn("cannot return free memory to the system: {}", trimmed.error().message);
  return trimmed && trimmed->more;
}

}  // namespace dolium::daemon
