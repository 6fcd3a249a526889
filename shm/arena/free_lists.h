#pragma once
// The free extents: their records, and the bins through which one of the right size is found.
//
// Model: a record is either in exactly one bin's list, the one of its size, or in the pool of unused records.
// Lists are last in, first out: memory freed a moment ago is still warm. Two levels of bitmaps say which bins
// are not empty. Neighbours are the arena's business: it alone keeps `before` and `after`.

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
  /// Record numbers stay below this, so that the last ExtentRefs can mean something else.
  static constexpr std::uint32_t kMaxRecords = 0x7ffffff0;
  /// How many extents of a bin are looked at for a better fit than the first.
  static constexpr std::uint32_t kMaxLooks = 32;

  FreeLists() { heads_.fill(kNoRecord); }

  std::uint32_t add(const FreeExtent& extent);
  /// The record's number may be given to another extent at once.
  void remove(std::uint32_t record);
  [[nodiscard]] const FreeExtent& operator[](std::uint32_t record) const { return records_[record].extent; }
  void set_before(std::uint32_t record, ExtentRef before) { records_[record].extent.before = before; }
  void set_after(std::uint32_t record, ExtentRef after) { records_[record].extent.after = after; }

  /// A free extent of at least so many units, or kNoRecord when there is none: the best fit among the first
  /// kMaxLooks of the bin in which that size would be, else among those of the next bin that has any. O(1),
  /// unless nothing larger than that first bin is free: then its whole list is searched.
  [[nodiscard]] std::uint32_t find(std::uint64_t units) const noexcept;
  [[nodiscard]] std::uint64_t largest() const noexcept;  ///< units; 0 when nothing is free
  /// So many records, or all, the higher bins' first.
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
