#pragma once
// Expiry: which objects are due, and when to look again.
//
// A heap of (when, slot, seal order); an entry whose object is gone is recognised by the seal order and
// dropped when it comes up. Time-to-idle moves with each access, of which nobody tells: so an entry says when
// to look, and the look decides whether the object is due or when to look again.

#include <chrono>
#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
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
  void insert(SlotIndex slot, TimeNs sealed, const Lifetimes& lifetimes);
  void erase(SlotIndex slot) { lifetimes_.erase(slot); }
  [[nodiscard]] Lifetimes lifetimes(SlotIndex slot) const noexcept;

  /// The next slot to look at whose time has come, or nothing. Each is named once: after the look, the caller
  /// erases it or says when to look again.
  [[nodiscard]] std::optional<SlotIndex> pop_due(TimeNs now);
  void look_again(SlotIndex slot, TimeNs when);
  /// When pop_due() will have something; kNever when nothing expires.
  [[nodiscard]] TimeNs next_due() const noexcept { return heap_.empty() ? kNever : heap_.top().when; }

 private:
  struct Entry {
    TimeNs when;
    SlotIndex slot;
    TimeNs sealed;
    friend bool operator>(const Entry& a, const Entry& b) { return a.when > b.when; }
  };
  struct Mortal {
    TimeNs sealed;
    Lifetimes lifetimes;
  };

  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
  std::unordered_map<SlotIndex, Mortal> lifetimes_;  // of the few objects that have any
};

}  // namespace dolium::shm
