#pragma once
// SubscriptionState: the stream behind a Subscription; its destruction ends it.

#include <dolium/event.h>

namespace dolium::detail {

class SubscriptionState {
 public:
  virtual ~SubscriptionState() = default;
  virtual Result<Event> next(Timeout timeout) = 0;
};

}  // namespace dolium::detail
