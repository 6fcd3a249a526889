#pragma once
// SearchRest: bounds the share of the server's time that searches among all objects take.
//
// A refused client may try again at once and for ever, and so may thousands of puts in one message. A search that
// looked at all objects and found nothing is therefore followed by a rest, ten times as long as the search took.
// Meanwhile creates look at a bounded number of objects only, and so may be refused although a search among all would
// find room: where a client has released objects without a message. Small searches need no rest. Looks are counted, not
// timed: a state machine reads no clock.

#include <cstdint>

#include "shm/os/basic_types.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

class SearchRest {
 public:
  /// Maximum number of looks of a search that needs no rest.
  static constexpr std::uint64_t kSmall = 4096;
  /// Length of the rest for each look: ten times what a look takes.
  static constexpr TimeNs kPerLook = 500;

  /// Whether a search for so many bytes may look at all objects. During a rest, a search for less than half of the
  /// bytes may: it can find what the search before could not.
  [[nodiscard]] bool allows(std::uint64_t bytes, TimeNs now) const noexcept {
    return now >= until_ || bytes < searched_for_ / 2;
  }
  /// A search among all objects found nothing.
  void begin(std::uint64_t bytes, std::uint64_t looks, TimeNs now) noexcept {
    if (looks <= kSmall) return;
    searched_for_ = bytes;
    until_ = deadline_after(now, kPerLook * looks);
  }

 private:
  std::uint64_t searched_for_ = 0;
  TimeNs until_ = 0;
};

}  // namespace dolium::shm
