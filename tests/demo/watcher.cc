#include "tests/demo/watcher.h"

#include <fmt/format.h>

namespace dolium::demo {

Watcher::Watcher(Subscription events, const Names& names, std::size_t count, bool spill)
    : events_(std::move(events)), spill_(spill) {
  numbers_.reserve(count);
  for (std::size_t number = 0; number < count; ++number) numbers_.emplace(names.piece(number), number);
}

Result<void> Watcher::look(std::size_t accepted) {
  for (;;) {
    const Result<Event> event = events_.next(no_wait);
    if (event)
      take(*event, accepted);
    else
      return event.error().code == Errc::timed_out ? Result<void>() : event.error();
  }
}

void Watcher::take(const Event& event, std::size_t accepted) {
  if (event.kind == Event::Kind::overflow && spill_) return;
  if (event.kind == Event::Kind::overflow) return complain("events were lost, the account is incomplete");
  const auto piece = numbers_.find(event.id);
  if (piece == numbers_.end()) return;
  if (event.kind == Event::Kind::sealed) {
    ++sealed_;
  } else if (event.cause != RemovalCause::evicted) {
    complain(fmt::format("piece {} was {} by nobody of ours", piece->second, to_string(event.cause)));
  } else {
    ++evicted_;
    if (spill_) complain(fmt::format("piece {} was evicted, and is not on disk", piece->second));
    if (piece->second >= accepted) complain(fmt::format("piece {} was evicted while it was pinned", piece->second));
  }
}

void Watcher::complain(std::string what) {
  if (complaint_.empty()) complaint_ = std::move(what);
}

}  // namespace dolium::demo
