#pragma once
// The ledger: what only requests need to know of an object, in rows parallel to the index's slots. A memfd of
// the daemon's own: no client has it, and a restarted daemon that is handed it again knows what it knew.

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

  [[nodiscard]] LedgerRow& row(SlotIndex slot) const noexcept {
    return reinterpret_cast<LedgerRow*>(mapping_.data())[slot];
  }

 private:
  Segment segment_;
  Mapping mapping_;
};

}  // namespace dolium::shm
