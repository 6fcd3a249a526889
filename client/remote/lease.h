#pragma once
// Leases: a client makes small objects without a message for each. It writes them one behind the other into an extent
// that it has leased, starting at the end, and then tells the daemon which objects they are: see
// shm/store/leases.h, and PutLeasedRequest in messages.fbs. A client that gets no lease sends the bytes instead.
//
// Destroying a lease gives back to the daemon what was not cut off it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include <dolium/object_id.h>

#include "client/remote/lease_appetite.h"
#include "client/remote/lent_extent.h"
#include "client/remote/put_view.h"
#include "shm/arena/arena.h"

namespace dolium::detail {

class Connection;
struct Call;

/// Not thread-safe.
class Lease {
 public:
  /// `word`: the number of the pin table's LeaseWord that says whether the lease is in use. None: the daemon cannot
  /// take it back.
  Lease(std::unique_ptr<LentExtent> extent, std::span<std::byte> bytes, std::optional<std::uint32_t> word) noexcept
      : extent_(std::move(extent)), size_(bytes.size()), bytes_(bytes), word_(word) {}

  /// Number of bytes that one put takes.
  [[nodiscard]] static std::uint64_t taken_by(const PutView& put) noexcept { return shm::Arena::taken_by(put.size()); }
  [[nodiscard]] bool has(std::uint64_t bytes) const noexcept { return bytes <= bytes_.size(); }
  [[nodiscard]] std::uint64_t left() const noexcept { return bytes_.size(); }
  /// Bytes that it had when it was given.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// False when the server that gave it has died.
  [[nodiscard]] bool good(const Connection& connection) const noexcept;
  /// Call before write(). False: the daemon has taken it back.
  [[nodiscard]] bool claim(Connection& connection) noexcept;
  /// Call after cut(), or when nothing was written.
  void let_go(Connection& connection) noexcept;
  /// Writes the puts, the first one at the very end; returns the message to send. Precondition: has() room for them.
  /// When the message was sent, cut() is due; until then they count as not written.
  [[nodiscard]] PutLeasedView write(std::span<const PutView> puts, bool deferred) noexcept;
  void cut(std::span<const PutView> puts) noexcept;

 private:
  std::unique_ptr<LentExtent> extent_;
  std::uint64_t size_;
  std::span<std::byte> bytes_;  // what is left of it
  std::optional<std::uint32_t> word_;
};

/// Minimum size of a lease: fewer bytes are sent instead.
inline constexpr std::uint64_t kSmallestLease = 64 * 1024;
/// Maximum size of a lease, in bytes: a small part of a small store, because leases cannot be evicted. 0: no leases.
[[nodiscard]] std::uint64_t largest_lease(const Connection& connection) noexcept;

/// The lease that will be needed next. It is asked for ahead of its use, when the connection's appetite allows, and the
/// appetite learns the outcome. give_back() is due before this is destroyed. Not thread-safe.
class NextLease {
 public:
  explicit NextLease(LeaseAppetite& appetite) noexcept : appetite_(appetite) {}

  /// Asks the daemon, for puts of `put` bytes; does not wait. Does nothing where a lease of this size is not worth it,
  /// or not allowed, or the appetite says no. `word`: see Lease. Precondition: !asked().
  void ask(Connection& connection, std::uint64_t bytes, std::uint64_t put,
           std::optional<std::uint32_t> word = std::nullopt);
  [[nodiscard]] bool asked() const noexcept { return offer_.has_value(); }
  /// Precondition of the next three: asked().
  [[nodiscard]] bool answered() const noexcept { return offer_->state->answered.load(std::memory_order_acquire); }
  void wait(Connection& connection) const;
  /// The lease; none when the daemon refused, or the server that gave it has died. Precondition: answered().
  [[nodiscard]] std::optional<Lease> take(Connection& connection);
  /// Gives back what was asked for, and is given only later.
  void give_back(Connection& connection) noexcept;

 private:
  struct State {
    std::unique_ptr<LentExtent> extent;
    std::atomic<bool> answered = false;  // no change after it
  };
  struct Offer {
    ObjectId id;
    std::uint64_t bytes;
    std::optional<std::uint32_t> word;
    std::shared_ptr<Call> call;
    std::shared_ptr<State> state;  // shared with the call
  };
  [[nodiscard]] static Result<Offer> send(Connection& connection, std::uint64_t bytes,
                                          std::optional<std::uint32_t> word);

  LeaseAppetite& appetite_;
  std::optional<Offer> offer_;
};

/// The lease of a connection's deferred puts. It is asked for after many of them, and given back by flush(), by the
/// client's end, and when it is in the way of another call of the same client. The next one is asked for when half of
/// it is used. While no put is being written, the daemon may take it back. All but appetite() and is_out() are called
/// under its mutex.
class DeferredLease {
 public:
  /// Number of bytes of deferred puts that are sent before a lease is asked for, or another of a size that fits better.
  static constexpr std::uint64_t kAskAfter = 64 * 1024;
  /// Number of puts that are sent between two looks for the first lease.
  static constexpr std::uint32_t kPutsPerLook = 8;
  /// A put that would take more than this part of a lease is sent.
  static constexpr std::uint64_t kLargestPart = 4;

  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  /// Where this put is to be written: claimed, so the caller owes let_go(). nullptr: nowhere, its bytes must be sent.
  /// Waits only when the daemon is behind by half a lease.
  [[nodiscard]] Lease* place_for(const PutView& put, Connection& connection);
  void give_back(Connection& connection) noexcept;
  /// False: there is nothing to give back.
  [[nodiscard]] bool is_out() const noexcept { return out_.load(std::memory_order_relaxed); }
  /// The whole connection's.
  [[nodiscard]] LeaseAppetite& appetite() noexcept { return appetite_; }

 private:
  [[nodiscard]] bool has(std::uint64_t bytes) const noexcept { return lease_ && lease_->has(bytes); }
  void renew(Connection& connection);
  void ask(Connection& connection);

  std::mutex mutex_;
  LeaseAppetite appetite_;
  std::optional<Lease> lease_;
  NextLease next_{appetite_};
  std::atomic<bool> out_ = false;
  std::uint64_t mean_ = 0;  // bytes that the last puts took
  std::uint64_t sent_ = 0;  // bytes that found no lease, since there was one
  std::uint32_t looks_ = 0;
  std::uint32_t last_word_ = 0;  // each lease has another one than those before it
};

}  // namespace dolium::detail
