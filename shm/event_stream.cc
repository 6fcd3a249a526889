#include "shm/event_stream.h"

namespace dolium::shm {

void EventStream::on_event(SlotIndex slot, const Event& event) {
  if (walking_ && slot >= cursor_) {
    if (event.kind != Event::Kind::removed) return;  // the walk will find it
    Event sealed = event;                            // too late for the walk: told here, so that no event is lost
    sealed.kind = Event::Kind::sealed;
    sealed.cause = {};
    push(sealed);
  }
  push(event);
}

void EventStream::push(const Event& event) {
  if (queue_.size() < kMaxQueued) {
    queue_.push_back(event);
  } else if (queue_.back().kind != Event::Kind::overflow) {
    Event lost;
    lost.kind = Event::Kind::overflow;
    queue_.push_back(lost);
  }
}

std::vector<Event> EventStream::take(const Store& store, std::size_t limit) {
  std::vector<Event> events;
  while (events.size() < limit && has_more()) {
    if (queue_.empty()) {
      walk_on(store);
      continue;
    }
    events.push_back(queue_.front());
    queue_.pop_front();
  }
  return events;
}

void EventStream::walk_on(const Store& store) {
  const std::uint32_t next = store.for_sealed_page(cursor_, [this](const SlotFields& object) {
    queue_.push_back({.kind = Event::Kind::sealed,
                      .id = object.id,
                      .data_size = object.data_size,
                      .metadata_size = object.metadata_size});
  });
  walking_ = next != 0;
  cursor_ = next;
}

}  // namespace dolium::shm
