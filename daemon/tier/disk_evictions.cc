#include "daemon/tier/disk_evictions.h"

#include <algorithm>
#include <utility>

#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

void DiskEvictions::add(const shm::WaitKey& key, std::uint64_t bytes, const shm::Room::Evicted& so_far, shm::TimeNs now,
                        Done done) {
  waits_.push_back({key, bytes, so_far, shm::deadline_after(now, kPatience), std::move(done)});
}

void DiskEvictions::serve(shm::TimeNs now, bool disk_helps) {
  while (!waits_.empty() && !goes_on(waits_.front(), now, disk_helps)) {
    const Wait first = std::move(waits_.front());
    waits_.pop_front();
    first.done(first.evicted);
  }
}

/// A request of which one piece was evicted, and more can be, ends: its client asks again, and others are served in
/// between.
bool DiskEvictions::goes_on(Wait& wait, shm::TimeNs now, bool disk_helps) {
  const shm::Room::Evicted piece = store_.room().evict_piece(wait.bytes - wait.evicted.bytes, now);
  wait.evicted = {wait.evicted.bytes + piece.bytes, wait.evicted.object_bytes + piece.object_bytes, piece.more};
  if (piece.bytes != 0) wait.deadline = shm::deadline_after(now, kPatience);
  return wait.evicted.bytes < wait.bytes && !piece.more && disk_helps && now < wait.deadline;
}

void DiskEvictions::drop_client(shm::ClientId client) {
  std::erase_if(waits_, [client](const Wait& wait) { return wait.key.client == client; });
}

bool DiskEvictions::contains(const shm::WaitKey& key) const noexcept {
  return std::ranges::find(waits_, key, &Wait::key) != waits_.end();
}

std::uint64_t DiskEvictions::wanted_bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const Wait& wait : waits_) bytes += wait.bytes - std::min(wait.bytes, wait.evicted.bytes);
  return bytes;
}

shm::TimeNs DiskEvictions::next_deadline() const noexcept {
  return waits_.empty() ? shm::kNever : waits_.front().deadline;
}

}  // namespace dolium::daemon
