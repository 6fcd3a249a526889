#pragma once
// Types of the Store's interface (store.h) and of its parts: clients, placements, events, what a recovery found.

#include <chrono>
#include <cstdint>
#include <string>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/object_id.h>

#include "shm/os/basic_types.h"
#include "shm/os/unique_fd.h"
#include "shm/table/new_object.h"
#include "shm/table/object_index.h"

namespace dolium::shm {

/// Names a client of this store, from attach() to detach(). Never used twice.
using ClientId = std::uint64_t;

/// Maximum number of objects that are removed in one piece of a clear(), an evict() or an expire().
inline constexpr std::uint32_t kRemovalsPerPiece = 1024;

struct ClientIdentity {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::string command = {};  ///< this and the name are for reports only
  std::string name = {};
  ClientOrigin origin = {};  ///< likewise
};

/// A session of the server before: a client of the store before recover(), whose process may still use it. The part of
/// the daemon's record (daemon/server/session_record.h) that the store needs.
struct SurvivingClient {
  ClientId id = 0;
  ClientIdentity identity;
  TimeNs attached = 0;
  UniqueFd pin_table;
};

/// What recover() found, in numbers of objects.
struct Recovery {
  std::uint64_t sealed = 0;
  std::uint64_t retired = 0;      ///< removed, and still in use
  std::uint64_t abandoned = 0;    ///< unsealed, of clients that are still attached
  std::uint64_t dropped = 0;      ///< unsealed, of clients that are gone, or of the dead server
  std::uint64_t quarantined = 0;  ///< extents that I/O of dead writers may still reach
  std::uint64_t undone = 0;       ///< evictions and moves
  std::uint64_t finished = 0;     ///< seals and removals
  std::uint64_t damaged = 0;      ///< rows that contradict others; dropped
};

/// Where an unsealed object's bytes are.
struct Placement {
  SlotIndex slot = kNoSlot;
  std::uint64_t offset = 0;
};

/// Is called after an object was sealed, removed or read back. Must not call functions that change the store, but
/// Usage::hold(), and, of the object that was sealed, Store::remove().
class StoreListener {
 public:
  virtual void on_sealed(SlotIndex slot, const SlotFields& object) = 0;
  virtual void on_removed(SlotIndex slot, const SlotFields& object, RemovalCause cause) = 0;
  /// A spilled object is in memory again.
  virtual void on_read_back(SlotIndex /*slot*/, const SlotFields& /*object*/) {}

 protected:
  ~StoreListener() = default;
};

/// The same moment on both clocks: the store uses the monotonic clock, people read the other.
struct Moment {
  TimeNs monotonic = 0;
  std::chrono::system_clock::time_point wall{};
};

}  // namespace dolium::shm
