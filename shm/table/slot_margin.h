#pragma once
// The margin of an index row: fields for the daemon's own use. A row fills a cache line in any case, and requests need
// an object's state together with the rest of its row. Clients read nothing of it but the size of a held object's type
// name, which does not change.
//
// A restarted daemon reads it after its predecessor was killed at any store instruction (shm/store/store_recovery.cc).
// So fields whose order of stores matters are bytes of their own.

#include <atomic>
#include <cstdint>

namespace dolium::shm {

enum class SlotState : std::uint8_t {
  free,
  unsealed,   ///< its creator is writing it
  sealed,     ///< visible
  retired,    ///< not visible any more, but referenced: its extent is freed at the last release
  abandoned,  ///< its writer, or a daemon, died before the seal: its extent is freed when neither the writer nor I/O
              ///< that it started can write there any more
};

/// The operation in progress on a slot whose intermediate states are visible. It is set before the seq becomes odd, and
/// cleared only when the seq is even again or the row is free. So a daemon that finds an odd row after a crash knows
/// how to continue.
enum class Operation : std::uint8_t {
  none,
  evicting,  ///< can be cancelled: make seq even again
  removing,  ///< is final: unlink and free
  /// The row has the old place or the new one, and the bytes are there: make seq even again. One of the two may be the
  /// disk (a spilled row).
  relocating,
  /// Of an abandoned row: it is in quarantine, and `sealed` in its ledger row is the end of its resting time. A
  /// restarted server keeps that time.
  resting,
};

/// A byte whose order among other stores matters to a restarted daemon. Copies as a value.
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

/// Maximum number of a process that the margin can hold; Linux gives none above 2^22.
inline constexpr std::uint32_t kMaxPid = (1 << 24) - 1;

struct SlotMargin {
  std::uint32_t writing_ms;        ///< time from creation to seal; at most 49 days
  std::uint32_t creator_pid : 24;  ///< at most kMaxPid
  std::uint32_t label_size : 8;    ///< the label follows the type's name
  std::uint8_t type_name_size;     ///< the name follows the metadata
  bool pinned : 1;
  bool mortal : 1;  ///< has a row of lifetimes
  bool lent : 1;    ///< its offset was sent to its writer: another process may write there
  bool leased : 1;  ///< a lease, not an object (shm/store/leases.h)
  bool graced : 1;  ///< has a row of its grace, which may be over (shm/store/graces.h)
  bool kept : 1;    ///< is spilled instead of evicted; has a ledger row of its record (shm/store/spill.h)
  bool clean : 1;   ///< its record on disk is complete
  OrderedByte<Operation> operation;
  OrderedByte<SlotState> state;  ///< last: an assignment to a row stores all other fields first
};
static_assert(sizeof(SlotMargin) == 12);

}  // namespace dolium::shm
