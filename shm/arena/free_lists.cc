#include "shm/arena/free_lists.h"

#include <algorithm>
#include <bit>

#include "shm/os/check.h"

namespace dolium::shm {

std::uint32_t FreeLists::add(const FreeExtent& extent) {
  std::uint32_t record = pool_;
  if (record == kNoRecord) {
    DOLIUM_CHECK(records_.size() < kMaxRecords, "more free extents than an ExtentRef can name");
    record = static_cast<std::uint32_t>(records_.size());
    records_.emplace_back();
  } else {
    pool_ = records_[record].next;
  }
  const std::uint32_t bin = bin_of(extent.size);
  const std::uint32_t head = heads_[bin];
  records_[record] = {extent, head, kNoRecord};
  if (head != kNoRecord) records_[head].previous = record;
  heads_[bin] = record;
  bins_in_use_[bin / kBinsPerRow] |= std::uint64_t{1} << (bin % kBinsPerRow);
  rows_in_use_ |= std::uint32_t{1} << (bin / kBinsPerRow);
  ++count_;
  return record;
}

void FreeLists::remove(std::uint32_t record) {
  Record& removed = records_[record];
  const std::uint32_t bin = bin_of(removed.extent.size);
  if (removed.next != kNoRecord) records_[removed.next].previous = removed.previous;
  if (removed.previous != kNoRecord) {
    records_[removed.previous].next = removed.next;
  } else {
    heads_[bin] = removed.next;
  }
  if (heads_[bin] == kNoRecord) {
    std::uint64_t& row = bins_in_use_[bin / kBinsPerRow];
    row &= ~(std::uint64_t{1} << (bin % kBinsPerRow));
    if (row == 0) rows_in_use_ &= ~(std::uint32_t{1} << (bin / kBinsPerRow));
  }
  removed = {};
  removed.next = pool_;
  pool_ = record;
  --count_;
}

std::uint32_t FreeLists::find(std::uint64_t units) const noexcept {
  if (units > std::uint64_t{1} << kMaxUnitsLog2) return kNoRecord;
  const std::uint32_t exact = bin_of(units);
  const std::uint32_t close = best_in(exact, units, kMaxLooks);
  if (close != kNoRecord) return close;
  const std::uint32_t above = first_bin_from(exact + 1);
  if (above != kBins) return best_in(above, units, kMaxLooks);
  return best_in(exact, units, count_);
}

std::uint64_t FreeLists::largest() const noexcept {
  const std::uint32_t bin = last_bin_below(kBins);
  if (bin == kBins) return 0;
  std::uint64_t most = 0;
  for (std::uint32_t record = heads_[bin]; record != kNoRecord; record = records_[record].next) {
    if (records_[record].extent.size > most) most = records_[record].extent.size;
  }
  return most;
}

std::vector<std::uint32_t> FreeLists::largest_records(std::uint32_t how_many) const {
  std::vector<std::uint32_t> records;
  for (std::uint32_t bin = last_bin_below(kBins); bin != kBins; bin = last_bin_below(bin)) {
    for (std::uint32_t record = heads_[bin]; record != kNoRecord; record = records_[record].next) {
      if (records.size() == how_many) return records;
      records.push_back(record);
    }
  }
  return records;
}

std::uint64_t FreeLists::bookkeeping_bytes() const noexcept {
  return sizeof(*this) + records_.capacity() * sizeof(Record);
}

std::uint32_t FreeLists::best_in(std::uint32_t bin, std::uint64_t units, std::uint32_t max_looks) const noexcept {
  std::uint32_t best = kNoRecord;
  std::uint32_t record = heads_[bin];
  for (std::uint32_t looks = 0; record != kNoRecord && looks < max_looks; ++looks) {
    const std::uint64_t size = records_[record].extent.size;
    if (size >= units && (best == kNoRecord || size < records_[best].extent.size)) best = record;
    if (size == units) break;
    record = records_[record].next;
  }
  return best;
}

/// The lowest non-empty bin at or above this one; kBins if there is none.
std::uint32_t FreeLists::first_bin_from(std::uint32_t bin) const noexcept {
  if (bin >= kBins) return kBins;
  const std::uint32_t row = bin / kBinsPerRow;
  const std::uint64_t in_row = bins_in_use_[row] & (~std::uint64_t{0} << (bin % kBinsPerRow));
  if (in_row != 0) return row * kBinsPerRow + static_cast<std::uint32_t>(std::countr_zero(in_row));
  const std::uint32_t rows_above = rows_in_use_ & (~std::uint32_t{0} << (row + 1));
  if (rows_above == 0) return kBins;
  const auto above = static_cast<std::uint32_t>(std::countr_zero(rows_above));
  return above * kBinsPerRow + static_cast<std::uint32_t>(std::countr_zero(bins_in_use_[above]));
}

/// The highest non-empty bin below this one; kBins if there is none.
std::uint32_t FreeLists::last_bin_below(std::uint32_t bin) const noexcept {
  const std::uint32_t row = bin / kBinsPerRow;
  const std::uint64_t in_row = row < kBinRows ? bins_in_use_[row] & ((std::uint64_t{1} << (bin % kBinsPerRow)) - 1) : 0;
  if (in_row != 0) return row * kBinsPerRow + static_cast<std::uint32_t>(std::bit_width(in_row)) - 1;
  const std::uint32_t rows_below = rows_in_use_ & ((std::uint32_t{1} << row) - 1);
  if (rows_below == 0) return kBins;
  const auto below = static_cast<std::uint32_t>(std::bit_width(rows_below)) - 1;
  return below * kBinsPerRow + static_cast<std::uint32_t>(std::bit_width(bins_in_use_[below])) - 1;
}

void FreeLists::check_invariants() const {
  std::uint32_t seen = 0;
  std::uint32_t marked = 0;
  for (std::uint32_t row = 0; row < kBinRows; ++row) {
    DOLIUM_CHECK((bins_in_use_[row] != 0) == ((rows_in_use_ >> row & 1U) != 0), "a row's bit is wrong");
    for (std::uint64_t bins = bins_in_use_[row]; bins != 0; bins &= bins - 1, ++marked)
      check_bin(row * kBinsPerRow + static_cast<std::uint32_t>(std::countr_zero(bins)), seen);
  }
  const auto empty = static_cast<std::uint32_t>(std::ranges::count(heads_, kNoRecord));
  DOLIUM_CHECK(marked + empty == kBins, "a bin has extents, but its bit is not set");
  DOLIUM_CHECK(seen == count_, "the number of extents in the bins differs from the count");
  for (std::uint32_t record = pool_; record != kNoRecord; record = records_[record].next) {
    DOLIUM_CHECK(++seen <= records_.size(), "a record is in the pool twice, or in a bin as well");
  }
  DOLIUM_CHECK(seen == records_.size(), "a record is neither in a bin nor in the pool");
}

void FreeLists::check_bin(std::uint32_t bin, std::uint32_t& seen) const {
  DOLIUM_CHECK(heads_[bin] != kNoRecord, "a bin's bit is set, but it has no extent");
  std::uint32_t previous = kNoRecord;
  for (std::uint32_t record = heads_[bin]; record != kNoRecord; record = records_[record].next) {
    DOLIUM_CHECK(++seen <= count_, "a bin's list is a ring");
    DOLIUM_CHECK(records_[record].previous == previous, "a bin's list has a wrong back link");
    DOLIUM_CHECK(bin_of(records_[record].extent.size) == bin, "a free extent is in a bin of other sizes");
    previous = record;
  }
}

}  // namespace dolium::shm
