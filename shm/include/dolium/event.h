#pragma once
// Events: objects that became visible or were removed, and why.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <dolium/export.h>
#include <dolium/object_id.h>
#include <dolium/result.h>
#include <dolium/timeout.h>

namespace dolium {

enum class RemovalCause : std::uint8_t {
  removed,  ///< by remove()
  evicted,  ///< to free memory, or by evict()
  expired,  ///< its time to live or time to idle ended
  cleared,  ///< by clear()
  lost,     ///< its bytes on disk were damaged
};
[[nodiscard]] DOLIUM_API std::string_view to_string(RemovalCause cause) noexcept;

struct Event {
  enum class Kind : std::uint8_t {
    sealed,    ///< the object is visible; also one for each object that was there when the subscription began
    removed,   ///< the object is no longer visible
    overflow,  ///< events were lost here: the subscriber was too slow, or the server was restarted. Call list() to
               ///< catch up.
  };
  // Not `using enum`: g++ 12 crashes when a template names one of its values.
  static constexpr Kind sealed = Kind::sealed;
  static constexpr Kind removed = Kind::removed;
  static constexpr Kind overflow = Kind::overflow;

  Kind kind = Kind::sealed;
  ObjectId id;                                 ///< not for `overflow`
  std::uint64_t data_size = 0;                 ///< bytes
  std::uint64_t metadata_size = 0;             ///< bytes
  RemovalCause cause = RemovalCause::removed;  ///< for `removed`
  std::string label = {};                      ///< CreateOptions::label
};
[[nodiscard]] DOLIUM_API std::string_view to_string(Event::Kind kind) noexcept;

namespace detail {
class SubscriptionState;
}

/// A stream of events. Movable, not copyable; its destruction ends it. One thread at a time may use it.
class DOLIUM_API Subscription {
 public:
  /// Maximum number of events that are queued for a slow subscriber. More are replaced by one `overflow`.
  static constexpr std::size_t kMaxQueued = 16384;

  explicit Subscription(std::shared_ptr<detail::SubscriptionState> state) noexcept;
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) noexcept;
  ~Subscription();

  /// The next event: first `sealed` for each object that was there when the subscription began, then all later events
  /// in order. timed_out if none comes in time; disconnected after the daemon's end, when all its events have been
  /// read.
  [[nodiscard]] Result<Event> next(Timeout timeout = wait_forever);

 private:
  std::shared_ptr<detail::SubscriptionState> state_;
};

}  // namespace dolium
