#include <dolium/event.h>

#include <utility>

#include "client/mapped/subscription_state.h"

namespace dolium {

Subscription::Subscription(std::shared_ptr<detail::SubscriptionState> state) noexcept : state_(std::move(state)) {}
Subscription::Subscription(Subscription&&) noexcept = default;
Subscription& Subscription::operator=(Subscription&&) noexcept = default;
Subscription::~Subscription() = default;

Result<Event> Subscription::next(Timeout timeout) {
  if (state_ == nullptr) return Error{Errc::invalid_argument, "this subscription was moved from"};
  return state_->next(timeout);
}

std::string_view to_string(RemovalCause cause) noexcept {
  switch (cause) {
    case RemovalCause::removed: return "removed";
    case RemovalCause::evicted: return "evicted";
    case RemovalCause::expired: return "expired";
    case RemovalCause::cleared: return "cleared";
    case RemovalCause::lost: return "lost";
  }
  return "unknown";
}

std::string_view to_string(Event::Kind kind) noexcept {
  switch (kind) {
    case Event::Kind::sealed: return "sealed";
    case Event::Kind::removed: return "removed";
    case Event::Kind::overflow: return "overflow";
  }
  return "unknown";
}

}  // namespace dolium
