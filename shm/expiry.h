#pragma once
// Expiry: which objects are due, and when to look again.
//
// A heap of (when, slot, seal order). Whether the object of an entry is still the one that it was made for, its caller
// tells by the seal order. Time-to-idle moves with each access, of which nobody tells: so an entry says when to look,
// and the look decides whether the object is due or when to look again. The lifetimes themselves are in the ledger.

#include <chrono>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "shm/basic_types.h"

namespace dolium::shm {

struct Lifetimes {
  std::chrono::milliseconds to_live{0};  ///< 0: for ever
  std::chrono::milliseconds to_idle{0};

  [[nodiscard]] bool any() const noexcept { return to_live.count() > 0 || to_idle.count() > 0; }
  /// When an object sealed and last accessed at these times is over.
  [[nodiscard]] TimeNs due(TimeNs sealed, TimeNs accessed) const noexcept;
};

class Expiry {
 public:
  /// An object, by its slot and the time of its seal, which no other has.
  struct Due {
    SlotIndex slot;
    TimeNs sealed;
    friend bool operator==(const Due&, const Due&) = default;
  };

  /// kNever: not at all.
  void look_at(const Due& object, TimeNs when) {
    if (when != kNever) heap_.push({when, object});
  }
  /// The next to look at whose time has come, or nothing. Each is named once: after the look, the caller says when to
  /// look again. It may be gone by now.
  [[nodiscard]] std::optional<Due> pop_due(TimeNs now);
  /// When pop_due() will have something; kNever when nothing expires.
  [[nodiscard]] TimeNs next_due() const noexcept { return heap_.empty() ? kNever : heap_.top().when; }

 private:
  struct Entry {
    TimeNs when;
    Due object;
    friend bool operator>(const Entry& a, const Entry& b) { return a.when > b.when; }
  };

  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
};

}  // namespace dolium::shm
