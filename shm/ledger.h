#pragma once
// The ledger: what only requests need to know of an object, in rows parallel to the index's slots. A memfd of
// the daemon's own: no client has it, and a restarted daemon that is handed it again knows what it knew.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>

#include <dolium/result.h>

#include "shm/basic_types.h"
#include "shm/segment.h"

namespace dolium::shm {

enum class SlotState : std::uint8_t {
  free,
  unsealed,  ///< being written by its creator
  sealed,    ///< visible
  retired,   ///< no longer visible, but held: its extent is freed at the last release
};

/// What is being done to a slot that others may see half done. Noted before its seq becomes odd, and cleared only
/// when seq is even again or the row is free: so whoever finds an odd row after a crash knows what to do with it.
enum class Operation : std::uint8_t {
  none,
  evicting,  ///< may still be called off: make seq even again
  removing,  ///< is decided: unlink and free
};

/// A byte of the ledger whose order among the writes to the index matters to a successor. Copies as a value.
template <class T>
class OrderedByte {
 public:
  OrderedByte(T value = {}) noexcept : value_(value) {}
  OrderedByte(const OrderedByte& other) noexcept : value_(static_cast<T>(other)) {}
  OrderedByte& operator=(const OrderedByte& other) noexcept { return *this = static_cast<T>(other); }
  OrderedByte& operator=(T value) noexcept {
    value_.store(value, std::memory_order_release);
    return *this;
  }
  operator T() const noexcept { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<T> value_;
};

struct LedgerRow {
  TimeNs sealed;             ///< unique among all objects: the order of seals
  TimeNs accessed;           ///< the last access that was noticed; never before `sealed`
  std::uint32_t writing_ms;  ///< from creation to seal; at most 49 days are told
  std::int32_t creator_pid;
  std::uint32_t pinned_by;  ///< uid, when pinned
  OrderedByte<SlotState> state;
  OrderedByte<Operation> operation;
  bool pinned;
  std::uint8_t type_name_size;  ///< the name stands behind the metadata
};
static_assert(sizeof(LedgerRow) == 32);

/// What lfu needs besides: in a column of its own, so that the other policies do not pay for it.
struct HitRow {
  std::uint32_t hits;  ///< gets that were noticed
  std::uint32_t base;  ///< what the clients' counters said at publication, less those of dead clients
};

/// One memfd of rows, a row for each slot.
template <class Row>
class LedgerColumn {
 public:
  /// Rows are reserved about so many bytes at a time, so that a store with few objects costs little.
  static constexpr std::uint64_t kReserveStep = 128 * 1024;

  [[nodiscard]] static Result<LedgerColumn> create(const char* name, std::uint32_t slot_count) {
    LedgerColumn column;
    Result<Segment> segment = Segment::create(name, round_up(slot_count * sizeof(Row), kPageBytes));
    if (!segment) return std::move(segment).error();
    Result<Mapping> mapping = segment->map(Mapping::Mode::read_write);
    if (!mapping) return std::move(mapping).error();
    column.segment_ = *std::move(segment);
    column.mapping_ = *std::move(mapping);
    return column;
  }

  /// Makes sure that the kernel has given the row's memory: a write that comes later cannot fail.
  [[nodiscard]] Result<void> reserve(SlotIndex slot) {
    const std::uint64_t needed = (std::uint64_t{slot} + 1) * sizeof(Row);
    if (needed <= reserved_bytes_) return {};
    const std::uint64_t end = std::min(segment_.size(), round_up(needed, kReserveStep));
    if (auto reserved = segment_.reserve(reserved_bytes_, end); !reserved) return reserved;
    reserved_bytes_ = end;
    return {};
  }

  [[nodiscard]] Row& row(SlotIndex slot) const noexcept { return reinterpret_cast<Row*>(mapping_.data())[slot]; }

 private:
  Segment segment_;
  Mapping mapping_;
  std::uint64_t reserved_bytes_ = 0;  // from the start
};

class Ledger {
 public:
  [[nodiscard]] static Result<Ledger> create(std::uint32_t slot_count, bool counts_hits) {
    Ledger ledger;
    auto rows = LedgerColumn<LedgerRow>::create("ledger", slot_count);
    if (!rows) return std::move(rows).error();
    ledger.rows_ = *std::move(rows);
    if (!counts_hits) return ledger;
    auto hits = LedgerColumn<HitRow>::create("hits", slot_count);
    if (!hits) return std::move(hits).error();
    ledger.hits_ = *std::move(hits);
    return ledger;
  }

  /// Before a slot's row is first written.
  [[nodiscard]] Result<void> reserve(SlotIndex slot) {
    Result<void> reserved = rows_.reserve(slot);
    return reserved && hits_ ? hits_->reserve(slot) : reserved;
  }

  [[nodiscard]] LedgerRow& row(SlotIndex slot) const noexcept { return rows_.row(slot); }
  [[nodiscard]] bool counts_hits() const noexcept { return hits_.has_value(); }
  /// Precondition: counts_hits().
  [[nodiscard]] HitRow& hit_row(SlotIndex slot) const noexcept { return hits_->row(slot); }
  [[nodiscard]] std::uint64_t bookkeeping_bytes(std::uint32_t slots_touched) const noexcept {
    return std::uint64_t{slots_touched} * (sizeof(LedgerRow) + (hits_ ? sizeof(HitRow) : 0));
  }

 private:
  LedgerColumn<LedgerRow> rows_;
  std::optional<LedgerColumn<HitRow>> hits_;
};

}  // namespace dolium::shm
