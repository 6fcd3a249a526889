#pragma once
// SubscriptionState: the stream of a Subscription. Its destruction ends the stream.

#include <dolium/event.h>

namespace dolium::detail {

class SubscriptionState {
 public:
  virtual ~SubscriptionState() = default;
  virtual Result<Event> next(Timeout timeout) = 0;
};

}  // namespace dolium::detail
