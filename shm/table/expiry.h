#pragma once
// Expiry: which objects expire next, and when.
//
// A heap of entries (time to check, slot, time of seal). The caller compares the time of seal to detect an entry whose
// object is gone and whose slot holds another. An access extends the time to idle, but does not update the heap. So an
// entry only says when to check the object: the check finds it expired, or gives the next time to check. The lifetimes
// themselves are in the ledger.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "shm/os/basic_types.h"

namespace dolium::shm {

struct Lifetimes {
  std::chrono::milliseconds to_live{0};  ///< 0: unlimited
  std::chrono::milliseconds to_idle{0};

  [[nodiscard]] bool any() const noexcept { return to_live.count() > 0 || to_idle.count() > 0; }
  /// When an object expires that was sealed and last accessed at these times.
  [[nodiscard]] TimeNs due(TimeNs sealed, TimeNs accessed) const noexcept;
};

class Expiry {
 public:
  /// An object, identified by its slot and its time of seal, which is unique.
  struct Due {
    SlotIndex slot;
    TimeNs sealed;
    friend bool operator==(const Due&, const Due&) = default;
  };

  /// Adds an entry: check the object at `when`. kNever: no entry.
  void look_at(const Due& object, TimeNs when) {
    if (when == kNever) return;
    heap_.push_back({when, object});
    std::ranges::push_heap(heap_, std::greater());
  }
  /// Drops obsolete entries, when the heap has doubled since the last time: those of objects that are gone (an early
  /// end of an object does not reach this class), and all but the first entry of each other object. Takes O(log n) per
  /// look_at(), on average.
  template <class IsThere>
  void tidy(IsThere&& is_there) {
    if (heap_.size() < tidy_at_) return;
    std::erase_if(heap_, [&](const Entry& entry) { return !is_there(entry.object); });
    std::ranges::sort(heap_, [](const Entry& a, const Entry& b) {
      return std::pair(a.object.slot, a.when) < std::pair(b.object.slot, b.when);
    });
    const auto is_twin = [](const Entry& a, const Entry& b) { return a.object.slot == b.object.slot; };
    heap_.erase(std::unique(heap_.begin(), heap_.end(), is_twin), heap_.end());
    std::ranges::make_heap(heap_, std::greater());
    tidy_at_ = std::max(kFewest, 2 * heap_.size());
  }
  /// Calls visit(object) for each entry, in no order. An object may be gone by now, or have several entries.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Entry& entry : heap_) visit(entry.object);
  }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  /// Removes and returns the next object to check, if its time has come. It may be gone by now. After the check, the
  /// caller gives the next time with look_at().
  [[nodiscard]] std::optional<Due> pop_due(TimeNs now);
  /// The earliest time in the heap; kNever if there are no entries.
  [[nodiscard]] TimeNs next_due() const noexcept { return heap_.empty() ? kNever : heap_.front().when; }

 private:
  struct Entry {
    TimeNs when;
    Due object;
    friend bool operator>(const Entry& a, const Entry& b) { return a.when > b.when; }
  };

  static constexpr std::size_t kFewest = 1024;  // number of entries below which tidy() does nothing

  std::vector<Entry> heap_;
  std::size_t tidy_at_ = kFewest;
};

}  // namespace dolium::shm
