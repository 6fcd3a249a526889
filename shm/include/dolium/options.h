#pragma once
// What can be said when an object is made and when a client connects. Plain values; every member's default
// means "none".

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <dolium/object_id.h>
#include <dolium/timeout.h>

namespace dolium {

/// The largest `put()` that travels inside one message. A larger object is created, written and sealed: a second
/// message costs less than three more copies of it, from 30 KiB on where client and daemon have a core each, from 50 on
/// one core.
inline constexpr std::size_t kOneMessagePut = 32 * 1024;
/// The largest object that a message can carry: in put_many() and put_deferred(), which wait for no answer.
inline constexpr std::size_t kInlinePutLimit = 64 * 1024;
/// The longest type name that is stored with an object, in bytes.
inline constexpr std::size_t kMaxTypeName = 255;
/// The largest metadata of an object, in bytes.
inline constexpr std::size_t kMaxMetadata = 64 * 1024;

struct CreateOptions {
  /// Bytes kept right behind the data; copied by the call, need not outlive it. At most kMaxMetadata.
  std::span<const std::byte> metadata = {};
  /// What the object is, for readers who check; 0 means "raw bytes".
  std::uint64_t type_tag = 0;
  /// The type's name, for people (`dolium list`). At most kMaxTypeName bytes.
  std::string_view type_name = {};
  /// Sealed with the pin flag set, so that there is no moment at which it can be evicted.
  bool pinned = false;
  /// The object expires this long after its seal, used or not. Zero: never.
  std::chrono::milliseconds time_to_live{0};
  /// The object expires when nobody has got it for this long. Zero: never.
  std::chrono::milliseconds time_to_idle{0};
  /// How long to wait for room when the store is full of what may not be evicted.
  Timeout timeout = no_wait;
  /// How many threads copy what put() is given, where it is large, as for copy_bytes(). 1: the caller's alone.
  unsigned copy_threads = 0;
};

/// One object of a `put_many()`.
struct PutItem {
  ObjectId id;
  std::span<const std::byte> data;
  CreateOptions options = {};
};

enum class Access : std::uint8_t {
  read_write,
  read_only,  ///< gets no writable descriptor but those of its own pin table and rings
};

struct ConnectOptions {
  // Not `using enum`: g++ 12 crashes when a template names one of its values.
  static constexpr Access read_write = Access::read_write;
  static constexpr Access read_only = Access::read_only;

  Access access = Access::read_write;
  /// Shown by `dolium clients`; the program's own name when empty.
  std::string name = {};
  /// How long `connect()` waits for a daemon that is not there yet or does not answer.
  Timeout connect_timeout = std::chrono::seconds(5);
  /// How long a call looks for its answer before it sleeps: to be woken on another core takes longer than most
  /// answers. 0: sleep at once, as a process that is bound to a single core always does, and any, for a while, that
  /// finds others computing on its core: giving way to them takes longer than to be woken.
  std::chrono::microseconds busy_poll{50};
  /// Messages to and from the daemon go through shared memory, without a system call while both sides are awake. Costs
  /// 132 KiB of shared memory a client. Off, or when the daemon has no memory or descriptor for them at that moment
  /// (its log says so): through the socket, until the next connection or the next server.
  bool rings = true;
  /// A child of fork() goes on with a session of its own, and holds what its parent held (see Client). Costs each
  /// fork() of the process one handshake with the daemon, about as long as connect(). Without it the child must
  /// connect by itself, and what it inherits says so.
  bool follow_fork = true;
};

}  // namespace dolium
