#pragma once
// LeaseRecall: takes leases back from clients that are not using them, so that an idle lease is no wall.
//
// A word in the client's pin table (LeaseWord) says whether the lease is idle. One compare-and-swap changes it: the
// client makes it "busy" before it writes into the lease, or the server makes it "revoked" and has the lease back. So
// the client need not answer: it may be asleep or stopped. A lease stays while its client is in the middle of a put,
// and while the server has not heard of all puts.
//
// Not thread-safe.

#include "shm/store/clients.h"
#include "shm/store/rows.h"
#include "shm/store/search_rest.h"
#include "shm/store/writable_extents.h"

namespace dolium::shm {

class LeaseRecall {
 public:
  /// A lease is idle when its client has not used it for so long. Idle leases are recalled before a create is refused.
  /// Leases in use are recalled, too, between two puts, but not more often than that.
  static constexpr TimeNs kIdle = 100'000'000;

  LeaseRecall(Rows& rows, Clients& clients, WritableExtents& writing) noexcept
      : rows_(rows), clients_(clients), writing_(writing) {}

  /// Whether this is a lease that its client is not using at this moment, and all of whose puts the server knows.
  [[nodiscard]] bool is_idle(SlotIndex slot) const;
  /// Before a create is refused. Returns whether that freed anything.
  bool recall();
  /// Before a lease is refused because there are too many: takes back only leases that are idle. A client that puts
  /// keeps its lease. A look that found none is not repeated before another lease can have become idle.
  void recall_idle();
  /// The server is cutting an object out of this lease: it is not recalled until spare(kNoSlot).
  void spare(SlotIndex lease) noexcept { spared_ = lease; }

 private:
  bool recall(bool active);
  [[nodiscard]] bool revoke(SlotIndex lease, bool active);

  Rows& rows_;
  Clients& clients_;
  WritableExtents& writing_;
  SlotIndex spared_ = kNoSlot;
  SearchRest rest_;              // after a look at very many unsealed objects
  TimeNs next_recall_ = 0;       // of leases that are in use
  TimeNs next_idle_recall_ = 0;  // for another lease
};

}  // namespace dolium::shm
