#pragma once
// The ledger: what only requests need to know of an object, in rows parallel to the index's slots. A memfd of
// the daemon's own: no client has it, and a restarted daemon that is handed it again knows what it knew.

#include <algorithm>
#include <atomic>
#include <cstdint>

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
  TimeNs created;
  TimeNs sealed;            ///< unique among all objects: the order of seals
  TimeNs accessed;          ///< the last access that was noticed; never before `sealed`
  std::uint32_t hits;       ///< gets that were noticed (kept for lfu only)
  std::uint32_t hits_base;  ///< what the clients' counters said at publication, less those of dead clients
  std::int32_t creator_pid;
  std::uint32_t pinned_by;  ///< uid, when pinned
  OrderedByte<SlotState> state;
  OrderedByte<Operation> operation;
  bool pinned;
  std::uint8_t type_name_size;  ///< the name stands behind the metadata
};
static_assert(sizeof(LedgerRow) <= 48);

class Ledger {
 public:
  /// Rows are reserved this many bytes at a time, so that a store with few objects costs little.
  static constexpr std::uint64_t kReserveStep = 192 * 1024;
  static_assert(kReserveStep % kPageBytes == 0 && kReserveStep % sizeof(LedgerRow) == 0);

  [[nodiscard]] static Result<Ledger> create(std::uint32_t slot_count) {
    Ledger ledger;
    Result<Segment> segment = Segment::create("ledger", round_up(slot_count * sizeof(LedgerRow), kPageBytes));
    if (!segment) return std::move(segment).error();
    Result<Mapping> mapping = segment->map(Mapping::Mode::read_write);
    if (!mapping) return std::move(mapping).error();
    ledger.segment_ = *std::move(segment);
    ledger.mapping_ = *std::move(mapping);
    return ledger;
  }

  /// Makes sure that the kernel has given the row's memory: a write that comes later cannot fail.
  [[nodiscard]] Result<void> reserve(SlotIndex slot) {
    const std::uint64_t needed = (std::uint64_t{slot} + 1) * sizeof(LedgerRow);
    if (needed <= reserved_bytes_) return {};
    const std::uint64_t end = std::min(segment_.size(), round_up(needed, kReserveStep));
    if (auto reserved = segment_.reserve(reserved_bytes_, end); !reserved) return reserved;
    reserved_bytes_ = end;
    return {};
  }

  [[nodiscard]] LedgerRow& row(SlotIndex slot) const noexcept {
    return reinterpret_cast<LedgerRow*>(mapping_.data())[slot];
  }

 private:
  Segment segment_;
  Mapping mapping_;
  std::uint64_t reserved_bytes_ = 0;  // from the start
};

}  // namespace dolium::shm
