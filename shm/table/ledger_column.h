#pragma once
// LedgerColumn: one memfd of rows, one row per slot. Its memory is reserved in steps, as rows come into use.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <dolium/result.h>

#include "shm/os/basic_types.h"
#include "shm/os/segment.h"

namespace dolium::shm {

/// kStep: number of bytes reserved at a time. It is small, so that a store with few objects costs little.
template <class Row, std::uint64_t kStep = 128 * 1024>
class LedgerColumn {
  static_assert(kStep % kPageBytes == 0);

 public:
  [[nodiscard]] static Result<LedgerColumn> create(const char* name, std::uint32_t slot_count) {
    Result<Segment> segment = Segment::create(name, bytes_for(slot_count));
    return segment ? over(*std::move(segment)) : std::move(segment).error();
  }
  /// Takes over the memory of another process's column.
  [[nodiscard]] static Result<LedgerColumn> adopt(const char* name, std::uint32_t slot_count, UniqueFd memory) {
    Result<Segment> segment = Segment::adopt(name, bytes_for(slot_count), std::move(memory));
    return segment ? over(*std::move(segment)) : std::move(segment).error();
  }

  /// Reserves the row's memory, so that later writes cannot fail.
  [[nodiscard]] Result<void> reserve(SlotIndex slot) {
    const std::uint64_t first = slot * sizeof(Row) / kStep;
    const std::uint64_t last = ((std::uint64_t{slot} + 1) * sizeof(Row) - 1) / kStep;
    for (std::uint64_t step = first; step <= last; ++step) {
      if (step < reserved_.size() && reserved_[step]) continue;
      const std::uint64_t end = std::min(segment_.size(), (step + 1) * kStep);
      if (auto reserved = segment_.reserve(step * kStep, end); !reserved) return reserved;
      if (step >= reserved_.size()) reserved_.resize(step + 1, false);
      reserved_[step] = true;
    }
    return {};
  }

  [[nodiscard]] Row& row(SlotIndex slot) const noexcept { return reinterpret_cast<Row*>(mapping_.data())[slot]; }
  /// The first rows, as bytes.
  [[nodiscard]] std::span<std::byte> first(std::uint32_t rows) const noexcept {
    return {mapping_.data(), rows * sizeof(Row)};
  }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  [[nodiscard]] std::uint64_t reserved_bytes() const noexcept {
    return static_cast<std::uint64_t>(std::count(reserved_.begin(), reserved_.end(), true)) * kStep;
  }

 private:
  [[nodiscard]] static std::uint64_t bytes_for(std::uint32_t slot_count) noexcept {
    return round_up(std::uint64_t{slot_count} * sizeof(Row), kPageBytes);
  }
  [[nodiscard]] static Result<LedgerColumn> over(Segment segment) {
    LedgerColumn column;
    Result<Mapping> mapping = segment.map(Mapping::Mode::read_write);
    if (!mapping) return std::move(mapping).error();
    column.segment_ = std::move(segment);
    column.mapping_ = *std::move(mapping);
    return column;
  }

  Segment segment_;
  Mapping mapping_;
  std::vector<bool> reserved_;  // one element per step
};

}  // namespace dolium::shm
