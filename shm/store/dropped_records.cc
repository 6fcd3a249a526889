#include "shm/store/dropped_records.h"

#include <algorithm>

#include "shm/os/check.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

void DroppedRecords::collect(bool collect) {
  collects_ = collect;
  end_clear();
  records_.clear();
  cleared_.reset();
}

void DroppedRecords::add(const Record& record) {
  if (!collects_) return;
  const bool is_covered = clear_ && record.sealed <= clear_->through;
  (is_covered ? held_ : records_).push_back(record);
}

std::vector<DroppedRecords::Record> DroppedRecords::take() {
  if (clear_ && rows_.now >= clear_->until) end_clear();
  return std::exchange(records_, {});
}

bool DroppedRecords::begin_clear_piece(SlotIndex cursor, TimeNs through) {
  if (!collects_) return false;
  if (cursor == 0) {
    end_clear();
    clear_ = Clear{through, 0, deadline_after(rows_.now, kClearPatience)};
  }
  // Clients say where a piece begins, and what it clears: only what this server saw from its beginning is complete.
  return clear_ && clear_->next == cursor && clear_->through == through;
}

void DroppedRecords::end_clear_piece(SlotIndex next) {
  clear_->next = next;
  if (next != 0) return;
  if (!held_.empty()) cleared_ = std::max(cleared_.value_or(0), clear_->through);
  held_.clear();
  clear_.reset();
}

/// Without its last piece: the tier is told of each object.
void DroppedRecords::end_clear() {
  records_.insert(records_.end(), held_.begin(), held_.end());
  held_.clear();
  clear_.reset();
}

void DroppedRecords::check_invariants() const {
  DOLIUM_CHECK(records_.empty() || collects_, "records are dropped without a tier");
}

}  // namespace dolium::shm
