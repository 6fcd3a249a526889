#pragma once
// The margin of an index row: what the daemon notes there for itself. A row fills a cache line whatever it says, and
// what an object is, and what is being done to it, is asked for together with the rest of its row. Clients can read it,
// and never do.
//
// A successor reads it after its writer was killed at any store instruction (shm/store/store_recovery.cc): facts whose
// order among the stores matters are bytes of their own.

#include <atomic>
#include <cstdint>

namespace dolium::shm {

enum class SlotState : std::uint8_t {
  free,
  unsealed,   ///< being written by its creator
  sealed,     ///< visible
  retired,    ///< no longer visible, but held: its extent is freed at the last release
  abandoned,  ///< was being written when its writer, or a daemon, died: its extent is freed when neither the writer nor
              ///< I/O that it began can write there any more
};

/// What is being done to a slot that others may see half done. Noted before its seq becomes odd, and cleared only
/// when seq is even again or the row is free: so whoever finds an odd row after a crash knows what to do with it.
enum class Operation : std::uint8_t {
  none,
  evicting,    ///< may still be called off: make seq even again
  removing,    ///< is decided: unlink and free
  relocating,  ///< the row says one place or the other, and the bytes are at it: make seq even again
  /// Of an abandoned row: it is in quarantine, and `sealed` in its ledger row is the time at which its rest ends. A
  /// successor keeps that time.
  resting,
};

/// A byte whose order among the other stores matters to a successor. Copies as a value.
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

struct SlotMargin {
  std::uint32_t writing_ms;  ///< from creation to seal; at most 49 days are told
  std::int32_t creator_pid;
  std::uint8_t type_name_size;  ///< the name stands behind the metadata
  bool pinned : 1;
  bool mortal : 1;  ///< has a row of lifetimes
  bool lent : 1;    ///< its writer was told where it is: another process may write there
  bool leased : 1;  ///< not an object, but a lease (shm/store/leases.h)
  OrderedByte<Operation> operation;
  OrderedByte<SlotState> state;  ///< last: an assignment makes a row what it is when all else is written
};
static_assert(sizeof(SlotMargin) == 12);

}  // namespace dolium::shm
