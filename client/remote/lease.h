#pragma once
// Leases: how this client makes small objects without the daemon between them. It writes one behind the other into an
// extent of its own, from the end on, and tells the daemon afterwards what each is: see shm/store/leases.h and
// PutLeasedRequest in messages.fbs. A client that gets no lease sends the bytes, as ever.
//
// Gone, a lease goes back to the daemon, with all that was not cut off it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

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
  /// `word`: which LeaseWord of the pin table says whether it is in use; none: the daemon cannot take it back.
  Lease(std::unique_ptr<LentExtent> extent, std::span<std::byte> bytes, std::optional<std::uint32_t> word) noexcept
      : extent_(std::move(extent)), size_(bytes.size()), bytes_(bytes), word_(word) {}

  /// What one put takes of a lease.
  [[nodiscard]] static std::uint64_t taken_by(const PutView& put) noexcept { return shm::Arena::taken_by(put.size()); }
  [[nodiscard]] bool has(std::uint64_t bytes) const noexcept { return bytes <= bytes_.size(); }
  [[nodiscard]] std::uint64_t left() const noexcept { return bytes_.size(); }
  /// As it was given.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// False when the server that gave it is gone.
  [[nodiscard]] bool good(const Connection& connection) const noexcept;
  /// Before write(). False: the daemon has taken it back.
  [[nodiscard]] bool claim(Connection& connection) noexcept;
  /// After cut(), or when nothing was written.
  void let_go(Connection& connection) noexcept;
  /// Writes them, the first to the very end: what to send. Precondition: has() what they take. They count as not
  /// written until cut(), which is due when that was sent.
  [[nodiscard]] PutLeasedView write(std::span<const PutView> puts, bool deferred) noexcept;
  void cut(std::span<const PutView> puts) noexcept;

 private:
  std::unique_ptr<LentExtent> extent_;
  std::uint64_t size_;
  std::span<std::byte> bytes_;  // what is left of it
  std::optional<std::uint32_t> word_;
};

/// A lease that was asked for. Gone before the answer has come, it has no lease either: that goes back when it comes.
class LeaseOffer {
 public:
  /// Does not wait. `bytes`: at most kMaxLease. `word`: see Lease.
  [[nodiscard]] static Result<LeaseOffer> ask(Connection& connection, std::uint64_t bytes,
                                              std::optional<std::uint32_t> word = std::nullopt);

  [[nodiscard]] bool answered() const noexcept { return state_->answered.load(std::memory_order_acquire); }
  void wait(Connection& connection) const;
  /// What the daemon gave; none when it gave nothing. Precondition: answered().
  [[nodiscard]] std::optional<Lease> take(const Connection& connection);
  /// Gives it back even if nobody will be there to hear the answer.
  void give_back(Connection& connection) const noexcept;

 private:
  struct State {
    std::unique_ptr<LentExtent> extent;
    std::atomic<bool> answered = false;  // no change after it
  };
  LeaseOffer(const ObjectId& id, std::uint64_t bytes, std::optional<std::uint32_t> word)
      : id_(id), bytes_(bytes), word_(word), call_(std::make_shared<Call>()), state_(std::make_shared<State>()) {}

  ObjectId id_;
  std::uint64_t bytes_;
  std::optional<std::uint32_t> word_;
  std::shared_ptr<Call> call_;
  std::shared_ptr<State> state_;
};

/// What is worth a lease: for less the bytes are sent.
inline constexpr std::uint64_t kSmallestLease = 64 * 1024;
/// The largest lease that may be asked for: a small part of a small store, since nobody can evict it. 0: none.
[[nodiscard]] std::uint64_t largest_lease(const Connection& connection) noexcept;

/// The lease of a connection's deferred puts: asked for when there have been many of them, and given back by flush(),
/// by the client's end, and when it stands in the way of another call of the same client. The next one is asked for
/// when half of it is gone. While no put is written, the daemon may take it back. All but appetite() and is_out() under
/// its mutex.
class DeferredLease {
 public:
  /// So many bytes of deferred puts are sent before a lease is asked for, or another, of a size that fits them better.
  static constexpr std::uint64_t kAskAfter = 64 * 1024;
  /// How often a put that is sent looks whether the first lease has come.
  static constexpr std::uint32_t kPutsPerLook = 8;
  /// What would take more than this part of a lease is sent.
  static constexpr std::uint64_t kLargestPart = 4;

  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  /// Where this put is to be written: claimed, so the caller owes let_go(). nullptr: nowhere, its bytes must be sent.
  /// Waits only where the daemon is behind by half a lease.
  [[nodiscard]] Lease* place_for(const PutView& put, Connection& connection);
  void give_back(Connection& connection) noexcept;
  /// False: there is nothing to give back.
  [[nodiscard]] bool is_out() const noexcept { return out_.load(std::memory_order_relaxed); }
  /// Of the whole connection.
  [[nodiscard]] LeaseAppetite& appetite() noexcept { return appetite_; }

 private:
  [[nodiscard]] bool has(std::uint64_t bytes) const noexcept { return lease_ && lease_->has(bytes); }
  void renew(Connection& connection);
  void ask(Connection& connection);

  std::mutex mutex_;
  std::optional<Lease> lease_;
  std::optional<LeaseOffer> offer_;
  std::atomic<bool> out_ = false;
  LeaseAppetite appetite_;
  std::uint64_t mean_ = 0;  // of what the last puts took
  std::uint64_t sent_ = 0;  // bytes that found no lease, since there was one
  std::uint32_t looks_ = 0;
  std::uint32_t last_word_ = 0;  // each lease has another one than those before it
};

}  // namespace dolium::detail
