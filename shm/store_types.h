#pragma once
// What a Store (store.h) is told, and what it tells: clients, objects to be made, what became of them.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/object_id.h>

#include "shm/basic_types.h"
#include "shm/expiry.h"
#include "shm/object_index.h"
#include "shm/unique_fd.h"

namespace dolium::shm {

/// A client of this store, from attach() to detach(); never used twice.
using ClientId = std::uint64_t;

struct ClientIdentity {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::string command = {};  ///< this and the name are for reports only
  std::string name = {};
  ClientOrigin origin = {};  ///< likewise
};

/// A client of the store as it was before recover().
struct Survivor {
  ClientId id = 0;
  ClientIdentity identity;
  TimeNs attached = 0;
  UniqueFd pin_table;
};

/// What recover() found, in objects.
struct Recovery {
  std::uint64_t sealed = 0;
  std::uint64_t retired = 0;      ///< removed, and held still
  std::uint64_t abandoned = 0;    ///< were being written by clients that are still there
  std::uint64_t dropped = 0;      ///< were being written by nobody else any more
  std::uint64_t quarantined = 0;  ///< extents of theirs, and of earlier ones, that I/O under way may still reach
  std::uint64_t undone = 0;       ///< evictions and moves
  std::uint64_t finished = 0;     ///< seals and removals
  std::uint64_t damaged = 0;      ///< could not be true, and are gone
};

/// What an object shall be. The name need not outlive the call.
struct NewObject {
  ObjectId id;
  std::uint64_t data_size = 0;
  std::uint32_t metadata_size = 0;
  std::uint64_t type_tag = 0;
  std::string_view type_name = {};
  bool pinned = false;
  Lifetimes lifetimes = {};
};

/// Of its data, metadata and type name together; wraps only when the data alone are beyond every capacity.
[[nodiscard]] inline std::uint64_t total_size(const NewObject& object) noexcept {
  return object.data_size + object.metadata_size + object.type_name.size();
}

/// Where an unsealed object's bytes are.
struct Placement {
  SlotIndex slot = kNoSlot;
  std::uint64_t offset = 0;
};

/// Hears what happened, after it happened. Must not call back into the store's changing methods, but hold().
class StoreListener {
 public:
  virtual void on_sealed(SlotIndex slot, const SlotFields& object) = 0;
  virtual void on_removed(SlotIndex slot, const SlotFields& object, RemovalCause cause) = 0;

 protected:
  ~StoreListener() = default;
};

/// The same moment on both clocks: objects are timed by the monotonic one, people read the other.
struct Moment {
  TimeNs monotonic = 0;
  std::chrono::system_clock::time_point wall{};
};

}  // namespace dolium::shm
