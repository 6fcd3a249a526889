#pragma once
// Expiry: which objects are due, and when to look again.
//
// A heap of (when, slot, seal order). Whether the object of an entry is still the one that it was made for, its caller
// tells by the seal order. Time-to-idle moves with each access, of which nobody tells: so an entry says when to look,
// and the look decides whether the object is due or when to look again. The lifetimes themselves are in the ledger.

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
    if (when == kNever) return;
    heap_.push_back({when, object});
    std::ranges::push_heap(heap_, std::greater());
  }
  /// Nobody says when an object goes before its time. So, when there are twice as many entries as were left last time:
  /// forgets all objects that are not there any more, and of each all entries but the first. Takes O(log n) a
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
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  /// The next to look at whose time has come, or nothing. Each is named once: after the look, the caller says when to
  /// look again. It may be gone by now.
  [[nodiscard]] std::optional<Due> pop_due(TimeNs now);
  /// When pop_due() will have something; kNever when nothing expires.
  [[nodiscard]] TimeNs next_due() const noexcept { return heap_.empty() ? kNever : heap_.front().when; }

 private:
  struct Entry {
    TimeNs when;
    Due object;
    friend bool operator>(const Entry& a, const Entry& b) { return a.when > b.when; }
  };

  static constexpr std::size_t kFewest = 1024;  // entries that are not worth a look

  std::vector<Entry> heap_;
  std::size_t tidy_at_ = kFewest;
};

}  // namespace dolium::shm
