#pragma once
// EventStream: what one subscriber has yet to be told.
//
// A stream has two parts: first the objects that were there when it began, then what has happened since, in order.
// The first part is read from the store page by page, as the subscriber takes it: all sealed objects that are not
// younger than the stream. Slots below `cursor_` have been read. An object of the first part that is removed before the
// walk has reached its slot is added to that part, because the walk cannot find it any more; its removal belongs to the
// second part. So a million objects need no million events in memory, and none is left out, told twice or out of order.
//
// Both queues are bounded; a subscriber that does not keep up finds one `overflow` where events were lost.

#include <deque>
#include <vector>

#include <dolium/event.h>

#include "shm/store/store.h"

namespace dolium::shm {

class EventStream {
 public:
  static constexpr std::size_t kMaxQueued = Subscription::kMaxQueued;

  /// `began`: Store::last_seal() when the subscriber came. What was sealed later has happened since.
  explicit EventStream(TimeNs began) noexcept : began_(began) {}

  /// `sealed`: when the object was sealed, Store::sealed_at().
  void on_event(SlotIndex slot, TimeNs sealed, const Event& event);
  /// Up to `limit` events, in order; none when there is nothing to tell.
  [[nodiscard]] std::vector<Event> take(const Store& store, std::size_t limit);
  [[nodiscard]] bool has_more() const noexcept { return walking_ || !there_.empty() || !since_.empty(); }

 private:
  using Queue = std::deque<Event>;

  static void push(Queue& queue, const Event& event);
  void walk_on(const Store& store);

  TimeNs began_;
  Queue there_;  // of the first part: found, and not taken yet
  Queue since_;
  SlotIndex cursor_ = 0;
  bool walking_ = true;
};

}  // namespace dolium::shm
