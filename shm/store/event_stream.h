#pragma once
// EventStream: the events that one subscriber has not taken yet.
//
// A stream has two parts: first the objects that existed when it began, then all changes since, in order. The first
// part is read from the store page by page, as the subscriber takes it: all objects that were sealed before the stream
// began. Slots below `cursor_` have been read. An object of the first part that is removed before the walk reaches its
// slot is added to that part, because the walk cannot find it any more; its removal belongs to the second part. So a
// million objects need no million events in memory, and no event is lost, repeated or out of order.
//
// Both queues are bounded. A subscriber that is too slow finds one `overflow` in place of the events that were lost.

#include <deque>
#include <vector>

#include <dolium/event.h>

#include "shm/store/store.h"

namespace dolium::shm {

/// An event of an object that is there, or was just removed.
[[nodiscard]] Event event_of(Event::Kind kind, const Rows& rows, SlotIndex slot, const SlotFields& object);

class EventStream {
 public:
  static constexpr std::size_t kMaxQueued = Subscription::kMaxQueued;

  /// `began`: Rows::last_seal when the subscriber came.
  explicit EventStream(TimeNs began) noexcept : began_(began) {}

  /// `sealed`: time of the object's seal, Rows::sealed_at().
  void on_event(SlotIndex slot, TimeNs sealed, const Event& event);
  /// Up to `limit` events, in order; none when there are none.
  [[nodiscard]] std::vector<Event> take(const Store& store, std::size_t limit);
  [[nodiscard]] bool has_more() const noexcept { return walking_ || !there_.empty() || !since_.empty(); }

 private:
  using Queue = std::deque<Event>;

  static void push(Queue& queue, const Event& event);
  void walk_on(const Store& store);

  TimeNs began_;
  Queue there_;  // of the first part: found and not taken yet
  Queue since_;
  SlotIndex cursor_ = 0;
  bool walking_ = true;
};

}  // namespace dolium::shm
