#include "shm/store/event_stream.h"

namespace dolium::shm {

Event event_of(Event::Kind kind, const Rows& rows, SlotIndex slot, const SlotFields& object) {
  return {.kind = kind,
          .id = object.id,
          .data_size = object.data_size,
          .metadata_size = object.metadata_size,
          .label = rows.label(slot)};
}

void EventStream::on_event(SlotIndex slot, TimeNs sealed, const Event& event) {
  const bool was_there = sealed <= began_;
  if (was_there && walking_ && slot >= cursor_) {  // the walk will not find it: it is gone
    Event there = event;
    there.kind = Event::Kind::sealed;
    there.cause = {};
    push(there_, there);
  }
  push(since_, event);
}

void EventStream::push(Queue& queue, const Event& event) {
  if (queue.size() < kMaxQueued) {
    queue.push_back(event);
  } else if (queue.back().kind != Event::Kind::overflow) {
    Event lost;
    lost.kind = Event::Kind::overflow;
    queue.push_back(lost);
  }
}

std::vector<Event> EventStream::take(const Store& store, std::size_t limit) {
  std::vector<Event> events;
  while (events.size() < limit && has_more()) {
    if (there_.empty() && walking_) {
      walk_on(store);
      continue;
    }
    Queue& queue = there_.empty() ? since_ : there_;
    events.push_back(queue.front());
    queue.pop_front();
  }
  return events;
}

void EventStream::walk_on(const Store& store) {
  const std::uint32_t next =
      store.rows().for_sealed_page(cursor_, began_, [&](SlotIndex slot, const SlotFields& object) {
        there_.push_back(event_of(Event::Kind::sealed, store.rows(), slot, object));
      });
  walking_ = next != 0;
  cursor_ = next;
}

}  // namespace dolium::shm
