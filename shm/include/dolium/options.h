#pragma once
// Options of a create or put, and of a connect. Plain values; the default of each member means "none".

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <dolium/object_id.h>
#include <dolium/retention.h>
#include <dolium/timeout.h>

namespace dolium {

/// Maximum size of a `put()` in one message, in bytes. A larger object is created, written and sealed. From 30 KiB on
/// (from 50 KiB on a single core) a second message costs less than the three extra copies of the bytes.
inline constexpr std::size_t kOneMessagePut = 32 * 1024;
/// Maximum size of an object that is sent in a message, in bytes: in put_many() and put_deferred().
inline constexpr std::size_t kInlinePutLimit = 64 * 1024;
/// Maximum length of an object's type name, in bytes.
inline constexpr std::size_t kMaxTypeName = 255;
/// Maximum length of an object's label, in bytes.
inline constexpr std::size_t kMaxLabel = 255;
/// Maximum size of an object's metadata, in bytes.
inline constexpr std::size_t kMaxMetadata = 64 * 1024;
/// Maximum duration of a grace.
inline constexpr std::chrono::milliseconds kMaxGrace = std::chrono::hours(1);

struct CreateOptions {
  /// Bytes that are stored directly behind the data. Copied by the call. At most kMaxMetadata.
  std::span<const std::byte> metadata = {};
  /// The type of the object, for readers that check it; 0: raw bytes.
  std::uint64_t type_tag = 0;
  /// The name of the type, for display (`dolium list`). At most kMaxTypeName bytes.
  std::string_view type_name = {};
  /// Pin the object at its seal, so that it can never be evicted before a pin().
  bool pinned = false;
  /// The object expires this long after its seal. Zero: never.
  std::chrono::milliseconds time_to_live{0};
  /// The object expires after this long without a get. Zero: never.
  std::chrono::milliseconds time_to_idle{0};
  /// Keep the object for a reader that is about to come: from its seal on, it is not evicted until `grace_readers`
  /// other sessions have got it or this time has passed, also if its creator ends meanwhile. At most kMaxGrace; zero:
  /// no grace. Its bytes count against the user's quota of pinned bytes. remove(), clear() and the times to live and to
  /// idle end the object all the same. In an InProcessStore, any get ends the grace. ObjectStore::extend_grace() gives
  /// more time.
  std::chrono::milliseconds grace{0};
  /// Number of other sessions whose gets end the grace. At least 1.
  std::uint32_t grace_readers = 1;
  /// How long to wait for room when nothing more can be evicted.
  Timeout timeout = no_wait;
  /// Number of threads that copy a large put(), as for copy_bytes(). 1: the calling thread only.
  unsigned copy_threads = 0;
  /// A name for people and for filters (ObjectFilter), in UTF-8. At most kMaxLabel bytes, which count as used. Need not
  /// be unique; no object is found by it.
  std::string_view label = {};
  /// What happens to the object when its memory is needed. `keep` is refused by a store without a spill tier, and by an
  /// InProcessStore.
  Retention retention = Retention::store_default;
};

/// One object of a `put_many()`.
struct PutItem {
  ObjectId id;
  std::span<const std::byte> data;
  CreateOptions options = {};
};

enum class Access : std::uint8_t {
  read_write,
  read_only,  ///< no writable descriptor but those of its own reference table and rings
};

struct ConnectOptions {
  // Not `using enum`: g++ 12 crashes when a template names one of its values.
  static constexpr Access read_write = Access::read_write;
  static constexpr Access read_only = Access::read_only;

  Access access = Access::read_write;
  /// Shown by `dolium clients`. Empty: the name of the program.
  std::string name = {};
  /// How long `connect()` waits for a daemon that has not started yet or does not answer.
  Timeout connect_timeout = std::chrono::seconds(5);
  /// Time to busy-poll for an answer before blocking: most answers come faster than a thread on another core wakes up.
  /// 0: block at once. A process on a single core always blocks at once; so does, for a while, a process that finds its
  /// core busy.
  std::chrono::microseconds busy_poll{50};
  /// Exchange messages with the daemon through rings in shared memory, without a system call while both sides are
  /// awake. Costs 132 KiB of shared memory per client. Messages go through the socket if this is off, or if the daemon
  /// has no memory or descriptor for rings (its log reports it), until the next connection or the next server.
  bool rings = true;
  /// A child of fork() gets a session of its own and holds the objects of its parent (see Client). Each fork() of the
  /// process then takes one handshake with the daemon, about as long as connect(). If this is off, the child must
  /// connect by itself; calls on inherited handles fail with an error that says so.
  bool follow_fork = true;
};

}  // namespace dolium
