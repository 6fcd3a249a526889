#pragma once
// What the store knows about one object and one client. Snapshots of the moment of the call.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/export.h>
#include <dolium/object_id.h>
#include <dolium/options.h>

namespace dolium {

enum class ObjectState : std::uint8_t { unsealed, sealed };

/// Where an object's bytes are. All but the first: only with Retention::keep.
enum class ObjectPlace : std::uint8_t {
  memory,           ///< in memory only
  memory_and_disk,  ///< in both: its memory can be given up at once
  disk,             ///< on disk only: a get reads it back
  reading_back,     ///< on disk, and being read back
};
/// "memory", "memory_and_disk", ...
[[nodiscard]] DOLIUM_API std::string_view to_string(ObjectPlace place) noexcept;

/// A process's own statement about itself. The daemon sees a process of another PID namespace under another number, or
/// not at all (pid 0), and does not see its host name. Not verified: for display only.
struct ClientOrigin {
  std::int32_t pid = 0;  ///< in its own PID namespace; 0: not stated
  std::string host;      ///< its own host name
  std::string pod;       ///< its environment variable POD_NAME

  friend bool operator==(const ClientOrigin&, const ClientOrigin&) = default;
};

/// One client's use of an object, or of the whole store.
struct ClientUse {
  std::uint64_t session_id = 0;
  std::int32_t pid = 0;
  std::string command;               ///< the program's name when the client connected
  std::string name;                  ///< ConnectOptions::name
  std::uint64_t references = 0;      ///< held
  std::uint64_t bytes_held = 0;      ///< in the arena, each object once
  std::uint64_t unsealed_bytes = 0;  ///< being written
  std::uint64_t leased_bytes = 0;    ///< part of unsealed_bytes: leased for deferred puts
  ClientOrigin origin = {};          ///< as the client stated it

  friend bool operator==(const ClientUse&, const ClientUse&) = default;
};

struct ObjectMetadata {
  using Clock = std::chrono::system_clock;
  // Not `using enum`: g++ 12 crashes when a template names one of its values.
  static constexpr ObjectState unsealed = ObjectState::unsealed;
  static constexpr ObjectState sealed = ObjectState::sealed;

  ObjectId id;
  std::uint64_t data_size = 0;      ///< bytes
  std::uint64_t metadata_size = 0;  ///< bytes
  ObjectState state = ObjectState::unsealed;
  Clock::time_point created_at{};
  Clock::time_point sealed_at{};      ///< the epoch while unsealed
  Clock::time_point last_accessed{};  ///< time of the last get, or of the seal before the first get
  std::uint64_t ref_count = 0;        ///< references held by all clients together
  std::uint64_t type_tag = 0;
  std::string type_name;
  bool is_pinned = false;
  std::chrono::milliseconds time_to_live{0};  ///< as given at create; 0: none
  std::chrono::milliseconds time_to_idle{0};
  std::int32_t creator_pid = 0;
  std::string label;                        ///< CreateOptions::label
  std::chrono::milliseconds grace_left{0};  ///< how long a grace still keeps it; 0: no grace, or it is over
  std::uint32_t grace_readers_left = 0;     ///< number of sessions whose gets end the grace
  /// Different for each object that was ever sealed in this store, also under the same id; 0 while unsealed.
  std::uint64_t seal_stamp = 0;
  Retention retention = Retention::cache;   ///< cache or keep, also if its creator left the choice to the store
  ObjectPlace place = ObjectPlace::memory;  ///< on disk, its type name and label are not known, and empty

  // Set by metadata() only; list() leaves them empty.
  std::string creator_command;     ///< while the creator is connected
  std::vector<ClientUse> holders;  ///< most references first; at most kMaxUses
  std::vector<ClientUse> waiters;  ///< clients whose gets wait for the seal; at most kMaxUses
  static constexpr std::size_t kMaxUses = 64;
};

/// Which objects list() returns: those that have all these properties. The default: all objects.
struct ObjectFilter {
  std::string label_prefix = {};  ///< how the label begins; empty: any label, or none
  std::string type_name = {};     ///< the whole name, or the 16 digits of the tag of an unnamed type; empty: any
  std::optional<ObjectState> state = {};  ///< none: both
  std::int32_t creator_pid = 0;           ///< 0: any

  friend bool operator==(const ObjectFilter&, const ObjectFilter&) = default;
};

struct ClientInfo {
  std::uint64_t session_id = 0;
  std::int32_t pid = 0;  ///< in the daemon's PID namespace, from the kernel; 0: not visible there
  std::uint32_t uid = 0;
  std::string command;  ///< the program's name, from the kernel
  std::string user;     ///< the user's name, or the number if there is no name
  std::string name;     ///< ConnectOptions::name
  Access access = Access::read_write;
  std::uint64_t references = 0;      ///< references held; two of one object count twice
  std::uint64_t objects_held = 0;    ///< different objects held
  std::uint64_t bytes_held = 0;      ///< their bytes in the arena, each object once
  std::uint64_t unsealed_count = 0;  ///< objects being written
  std::uint64_t unsealed_bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t waiting_gets = 0;
  std::uint64_t waiting_creates = 0;
  std::chrono::milliseconds connected_for{0};
  /// The daemon ended this session because it broke the protocol. The memory that its process can still access is kept
  /// until the process ends.
  bool quarantined = false;
  /// Its Client is destroyed, but it still holds objects. It sends no more requests.
  bool left = false;
  /// It was connected to a server that crashed, and has not connected to the next one yet.
  bool orphaned = false;
  std::uint64_t unread_bytes = 0;                ///< of replies and events that it has not read yet
  std::chrono::milliseconds oldest_unsealed{0};  ///< age of its oldest unsealed object
  /// Age of its oldest reference, since the last get of that object.
  std::chrono::milliseconds longest_held{0};
  ClientOrigin origin = {};        ///< as the client stated it
  std::uint64_t graced_count = 0;  ///< objects that are kept by graces that it gave, in use or not
  std::uint64_t graced_bytes = 0;
};

}  // namespace dolium
