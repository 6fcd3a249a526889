#pragma once
// The free extents: their records, and the bins that find one of the right size.
//
// Model: a record is either in exactly one bin's list, the one of its size, or in the pool of unused records. Lists are
// last in, first out: memory that was freed a moment ago is still in the cache. Two levels of bitmaps show which bins
// are not empty. Only the arena keeps `before` and `after`, the neighbours.

#include <array>
#include <cstdint>
#include <vector>

#include "shm/arena/extent_ref.h"
#include "shm/arena/size_class.h"

namespace dolium::shm {

struct FreeExtent {
  std::uint64_t size = 0;    ///< units
  std::uint32_t offset = 0;  ///< units
  ExtentRef before;
  ExtentRef after;
};

class FreeLists {
 public:
  static constexpr std::uint32_t kNoRecord = 0xffffffff;
  /// Record numbers stay below this, because the highest ExtentRefs have other meanings.
  static constexpr std::uint32_t kMaxRecords = 0x7ffffff0;
  /// Maximum number of extents of a bin that are searched for the best fit.
  static constexpr std::uint32_t kMaxLooks = 32;

  FreeLists() { heads_.fill(kNoRecord); }

  std::uint32_t add(const FreeExtent& extent);
  /// Removes a record. Its number may be reused at once.
  void remove(std::uint32_t record);
  [[nodiscard]] const FreeExtent& operator[](std::uint32_t record) const { return records_[record].extent; }
  void set_before(std::uint32_t record, ExtentRef before) { records_[record].extent.before = before; }
  void set_after(std::uint32_t record, ExtentRef after) { records_[record].extent.after = after; }

  /// A free extent of at least so many units, or kNoRecord if there is none. It is the best fit among the first
  /// kMaxLooks extents of the bin for that size; if none fits, among those of the next bin that is not empty. O(1),
  /// unless nothing larger than the first bin is free: then the bin's whole list is searched.
  [[nodiscard]] std::uint32_t find(std::uint64_t units) const noexcept;
  [[nodiscard]] std::uint64_t largest() const noexcept;  ///< in units; 0 if nothing is free
  /// The `how_many` records of the highest bins, or all if there are fewer; higher bins first.
  [[nodiscard]] std::vector<std::uint32_t> largest_records(std::uint32_t how_many) const;
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;
  void check_invariants() const;

 private:
  struct Record {
    FreeExtent extent;
    std::uint32_t next = kNoRecord;      // in the bin's list, or in the pool
    std::uint32_t previous = kNoRecord;  // in the bin's list
  };

  [[nodiscard]] std::uint32_t best_in(std::uint32_t bin, std::uint64_t units, std::uint32_t max_looks) const noexcept;
  [[nodiscard]] std::uint32_t first_bin_from(std::uint32_t bin) const noexcept;
  [[nodiscard]] std::uint32_t last_bin_below(std::uint32_t bin) const noexcept;
  void check_bin(std::uint32_t bin, std::uint32_t& seen) const;

  std::vector<Record> records_;
  std::uint32_t pool_ = kNoRecord;
  std::uint32_t count_ = 0;
  std::uint32_t rows_in_use_ = 0;                      // bit r: bins_in_use_[r] is not zero
  std::array<std::uint64_t, kBinRows> bins_in_use_{};  // bit b of row r: that bin's list is not empty
  std::array<std::uint32_t, kBins> heads_;
};

}  // namespace dolium::shm
