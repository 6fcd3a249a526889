#pragma once
// Events: a session's subscriptions, and the events that have arrived for them.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>

#include <dolium/event.h>
#include <dolium/result.h>
#include <dolium/timeout.h>

#include "client/remote/exchange.h"

namespace dolium::detail {

/// What a subscription has received and its user has not taken. Guarded by the exchange's mutex.
struct EventBuffer {
  std::deque<Event> events;  // bounded by Subscription::kMaxQueued
  std::condition_variable wake;

  void add(const Event& event);
};

class Events {
 public:
  Events(Exchange& exchange, Completions& completions) : exchange_(exchange), completions_(completions) {}

  /// A subscription's buffer, under the number of its request.
  [[nodiscard]] Result<std::pair<std::uint64_t, std::shared_ptr<EventBuffer>>> subscribe();
  void unsubscribe(std::uint64_t number);
  [[nodiscard]] Result<Event> next(EventBuffer& buffer, Timeout timeout);

  /// By the leader.
  void take(std::uint64_t number, const protocol::EventNotice& notice);
  /// Wakes the threads that wait for events: the exchange has failed. Under its mutex.
  void wake_all() noexcept;
  /// Subscribes again at a new server: what happened meanwhile is lost. Under write_mutex and the mutex.
  void subscribe_again();

 private:
  void forget(std::uint64_t number);

  Exchange& exchange_;
  Completions& completions_;
  std::unordered_map<std::uint64_t, std::shared_ptr<EventBuffer>> streams_;  // guarded by the exchange's mutex
};

}  // namespace dolium::detail
