#pragma once
// EventStream: what one subscriber has yet to be told.
//
// A stream begins with the objects that are there. They are not queued but read from the store page by page,
// as the subscriber takes them: slots below `cursor_` have been told, and only for those do live events
// matter yet; what is sealed above the cursor the walk will find, and what is removed there before the walk came by is
// told at once, that it was there and that it is gone. So a million objects need no million events in memory, and
// none is left out, told twice or out of order.
//
// The queue is bounded; a subscriber that does not keep up finds one `overflow` where events were lost.

#include <deque>
#include <vector>

#include <dolium/event.h>

#include "shm/store.h"

namespace dolium::shm {

class EventStream {
 public:
  static constexpr std::size_t kMaxQueued = Subscription::kMaxQueued;

  void on_event(SlotIndex slot, const Event& event);
  /// Up to `limit` events, in order; none when there is nothing to tell.
  [[nodiscard]] std::vector<Event> take(const Store& store, std::size_t limit);
  [[nodiscard]] bool has_more() const noexcept { return walking_ || !queue_.empty(); }

 private:
  void push(const Event& event);
  void walk_on(const Store& store);

  std::deque<Event> queue_;
  SlotIndex cursor_ = 0;
  bool walking_ = true;
};

}  // namespace dolium::shm
