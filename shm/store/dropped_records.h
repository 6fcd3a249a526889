#pragma once
// DroppedRecords: the records on disk that no row names any more, for the spill tier to drop.
//
// A clear() of the store comes in pieces (Store::clear()). Its records are held back until its last piece: then the
// tier is told that all objects sealed up to a time are gone, with one record instead of one for each object. But for
// kClearPatience at most: a client need not finish its clear.
//
// Not thread-safe.

#include <optional>
#include <utility>
#include <vector>

#include "shm/store/rows.h"

namespace dolium::shm {

class DroppedRecords {
 public:
  struct Record {
    ObjectId id;
    std::uint64_t location;
    TimeNs sealed;
  };
  /// Maximum time for which records of a clear are held back.
  static constexpr TimeNs kClearPatience = 5'000'000'000;

  explicit DroppedRecords(const Rows& rows) noexcept : rows_(rows) {}

  /// Whether records are collected: only while there is a tier that takes them. Otherwise its catalogue tells, when it
  /// comes, which records have no row. Forgets those that were not taken.
  void collect(bool collect);
  [[nodiscard]] bool collects() const noexcept { return collects_; }
  /// Does nothing unless they are collected.
  void add(const Record& record);
  [[nodiscard]] std::vector<Record> take();
  /// Whether there is something to tell the tier now.
  [[nodiscard]] bool any() const noexcept { return !records_.empty() || cleared_; }
  /// When take() has those that are held back. kNever: there are none.
  [[nodiscard]] TimeNs next() const noexcept { return held_.empty() ? kNever : clear_->until; }

  /// Before the piece of a clear that begins at this slot. Returns whether it is the next one of the clear that is
  /// under way.
  [[nodiscard]] bool begin_clear_piece(SlotIndex cursor, TimeNs through);
  /// After it. `next`: where the next piece begins; 0: this was the last.
  void end_clear_piece(SlotIndex next);
  /// The time up to which all objects have been cleared, if the tier was not told yet. Every record of a store before
  /// this one is dead, too.
  [[nodiscard]] std::optional<TimeNs> take_cleared() { return std::exchange(cleared_, std::nullopt); }

  void check_invariants() const;  ///< aborts with a message; for tests

 private:
  struct Clear {
    TimeNs through;
    SlotIndex next;  // where its next piece begins
    TimeNs until;    // records are held back until then
  };
  void end_clear();

  const Rows& rows_;
  std::vector<Record> records_;
  std::optional<Clear> clear_;  // under way
  std::vector<Record> held_;    // of objects that it covers; empty when there is none
  std::optional<TimeNs> cleared_;
  bool collects_ = false;
};

}  // namespace dolium::shm
