#pragma once
// What the store knows of one object and of one client: snapshots, true at the moment they were taken.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <dolium/object_id.h>
#include <dolium/options.h>

namespace dolium {

enum class ObjectState : std::uint8_t { unsealed, sealed };

/// What a client says of the process that it is: the daemon sees a process of another PID namespace under another
/// number, or not at all (pid 0), and never its host's name. Not checked: it is for people.
struct ClientOrigin {
  std::int32_t pid = 0;  ///< in its own PID namespace; 0: it did not say
  std::string host;      ///< its own host name
  std::string pod;       ///< its environment variable POD_NAME

  friend bool operator==(const ClientOrigin&, const ClientOrigin&) = default;
};

/// What one client has of an object, or of the store as a whole.
struct ClientUse {
  std::uint64_t session_id = 0;
  std::int32_t pid = 0;
  std::string command;               ///< the program's name, as it was when the client connected
  std::string name;                  ///< ConnectOptions::name
  std::uint64_t references = 0;      ///< held
  std::uint64_t bytes_held = 0;      ///< in the arena, each object once
  std::uint64_t unsealed_bytes = 0;  ///< being written
  std::uint64_t leased_bytes = 0;    ///< part of unsealed_bytes: for deferred puts to come
  ClientOrigin origin = {};          ///< its own words

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
  Clock::time_point last_accessed{};  ///< of the last get; of the seal, when nobody got it yet
  std::uint64_t ref_count = 0;        ///< references held by all clients together
  std::uint64_t type_tag = 0;
  std::string type_name;
  bool is_pinned = false;
  std::chrono::milliseconds time_to_live{0};  ///< as given at create; 0: none
  std::chrono::milliseconds time_to_idle{0};
  std::int32_t creator_pid = 0;

  // Told by metadata() only; list() leaves them empty.
  std::string creator_command;     ///< while the creator is connected
  std::vector<ClientUse> holders;  ///< most references first; the first kMaxUses of them
  std::vector<ClientUse> waiters;  ///< whose gets wait until it is sealed; likewise
  static constexpr std::size_t kMaxUses = 64;
};

struct ClientInfo {
  std::uint64_t session_id = 0;
  std::int32_t pid = 0;  ///< in the daemon's PID namespace, as the kernel says; 0: that does not see the process
  std::uint32_t uid = 0;
  std::string command;  ///< the program's name, as the kernel knows it
  std::string user;     ///< the user's name, or the number where there is no name
  std::string name;     ///< ConnectOptions::name
  Access access = Access::read_write;
  std::uint64_t references = 0;      ///< how many are held, the same object twice counted twice
  std::uint64_t objects_held = 0;    ///< how many different objects
  std::uint64_t bytes_held = 0;      ///< their bytes in the arena, each object once
  std::uint64_t unsealed_count = 0;  ///< objects being written
  std::uint64_t unsealed_bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t waiting_gets = 0;
  std::uint64_t waiting_creates = 0;
  std::chrono::milliseconds connected_for{0};
  /// The daemon ended this session for misbehaviour, and keeps what its process can still touch until it dies.
  bool quarantined = false;
  /// Its Client is gone, but objects that it got are not: it asks for nothing more.
  bool left = false;
  /// It was connected to a server that died, and has not come back to its successor.
  bool orphaned = false;
  std::uint64_t unread_bytes = 0;                ///< of replies and events that it has not taken yet
  std::chrono::milliseconds oldest_unsealed{0};  ///< since it created what it has been writing longest
  /// Since it last got the object that it got before all others that it holds.
  std::chrono::milliseconds longest_held{0};
  ClientOrigin origin = {};  ///< its own words
};

}  // namespace dolium
