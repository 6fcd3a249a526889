// What the tier tells operators of itself: its figures. See tier.h.

#include <algorithm>

#include "daemon/tier/tier.h"
#include "shm/os/milliseconds.h"

namespace dolium::daemon {

static_assert(static_cast<int>(Tier::State::absent) == static_cast<int>(SpillTierState::absent));
static_assert(static_cast<int>(Tier::State::full) == static_cast<int>(SpillTierState::full));
static_assert(static_cast<int>(Tier::State::stalled) == static_cast<int>(SpillTierState::stalled));

SpillTierStats Tier::report(shm::TimeNs now) const {
  SpillTierStats out;
  out.state = static_cast<SpillTierState>(state());
  if (client_ == 0) return out;
  const shm::AttachedClient& process = store_.clients().at(client_);
  out.pid = process.identity.pid;
  out.connected_for = shm::to_ms(now - std::min(now, process.attached));
  if (const shm::TimeNs stalls = stalls_at(); stalls != shm::kNever)
    out.oldest_work = shm::to_ms(now - std::min(now, stalls - kStalledAfter));
  out.writing_count = writes_.size();
  out.writing_bytes = writing_bytes_;
  out.reading_bytes = reading_bytes_;
  out.reason = told_.reason;
  out.directory = told_.directory;
  out.io = told_.io;
  out.capacity_bytes = told_.capacity_bytes;
  out.used_bytes = told_.used_bytes;
  out.live_bytes = told_.live_bytes;
  out.records = told_.records;
  out.files = told_.segments;
  out.written_bytes = told_.written_bytes;
  out.read_bytes = told_.read_bytes;
  out.compacted_bytes = told_.compacted_bytes;
  out.write_errors = told_.write_errors;
  out.read_errors = told_.read_errors;
  out.damaged_count = told_.damaged;
  out.unreadable_count = told_.unreadable;
  out.lost_records = told_.lost_records;
  out.last_sync = std::chrono::nanoseconds(static_cast<std::int64_t>(told_.last_sync_ns));
  return out;
}

}  // namespace dolium::daemon
