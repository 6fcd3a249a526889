#pragma once
// ReconnectingStore: a Client that outlives its store. When the daemon was stopped or has died, it goes on with the
// next store at the same socket, as soon as there is one.
//
// A next store is another store: it is empty, or holds what others have put since. Nothing is carried over. (A daemon's
// server that crashes or is replaced is no end of a store: a Client goes on by itself, and nothing is lost.)

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <dolium/client.h>

namespace dolium {

namespace detail {
class Reconnection;
}

/// Threads may share it. A get costs one short lock more than a Client's.
///
/// When a call finds the store gone, one thread connects again, and the others wait for it.
///
/// Reads are repeated: get_raw(), get(), get_many(), exists(), exists_many(), metadata(), stats(), list(), clients(),
/// get_async(), subscribe(), ping(). They wait for the next store until their own timeout; without one (no_wait, or no
/// timeout at all) for ConnectOptions::connect_timeout. Then they fail as Client::connect() does: `disconnected` when
/// no daemon listens. try_get() never connects: it finds nothing while the store is gone.
///
/// Calls that change something are never repeated: one that was under way when the store went says `disconnected`. It
/// is lost, as is all else that was in that store; the next call goes to the next store. (One that begins when the
/// store is known to be gone connects first.) So:
/// - An ObjectBuilder belongs to the store in which it was created. After that store's end, seal() says `disconnected`.
/// - Pins are flags of objects, and go with them: pin what you put into the next store again.
/// - Deferred puts that were not flushed when the store went are lost. The next flush() says so: `disconnected`.
/// - Objects that are held stay readable. They, and their ids, say nothing of the next store's objects.
///
/// Subscriptions go on with the next store: an `overflow` event, then what is in that store, then what happens there.
/// While there is none, Subscription::next() says `timed_out` at the end of its timeout.
///
/// Asynchronous gets wait for the next store until their timeout; a create says `disconnected`. event_fd() stays the
/// same. While the store is gone it becomes readable ten times a second: process_events() then tries to connect, which
/// can take as long as a daemon takes to answer, and does not fail for want of a daemon.
///
/// fork(): as for Client; the child's goes on by itself from then on. Subscriptions stay the parent's.
class DOLIUM_API ReconnectingStore final : public ObjectStore {
 public:
  /// Errors as Client::connect(): the first store must be there in time. The options, and the socket, hold for each
  /// that follows; a relative path stays relative to the directory of now.
  [[nodiscard]] static Result<std::shared_ptr<ReconnectingStore>> connect(
      std::string_view socket_path = default_socket_path(), const ConnectOptions& options = {});
  ~ReconnectingStore() override;

  /// As of Client. A failure of the connection is said by flush(), see above.
  Result<void> put_deferred(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options = {});
  Result<std::vector<PutFailure>> flush();
  /// A round trip to a daemon, the next one if need be.
  Result<void> ping();
  /// Of the connection that there is, or was last.
  [[nodiscard]] Access access() const;
  [[nodiscard]] std::uint64_t session_id() const;
  /// Whether the store is there, as far as this process knows; see Client::connected().
  [[nodiscard]] bool connected() const;
  /// How often it has gone on with another store.
  [[nodiscard]] std::uint64_t reconnections() const;

  /// Internal: use connect().
  explicit ReconnectingStore(std::shared_ptr<detail::Reconnection> reconnection);

 private:
  Result<ObjectBuilder> do_create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) override;
  Result<Object> do_put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                        bool hold) override;
  Result<std::vector<Result<void>>> do_put_many(std::span<const PutItem> items) override;
  Result<Object> do_get(const ObjectId& id, Timeout timeout) override;
  std::optional<Object> do_try_get(const ObjectId& id) override;
  Result<std::vector<std::optional<Object>>> do_get_many(std::span<const ObjectId> ids, Timeout timeout) override;
  Result<bool> do_exists(const ObjectId& id) override;
  Result<ObjectMetadata> do_metadata(const ObjectId& id) override;
  Result<void> do_pin(const ObjectId& id, bool pinned) override;
  Result<bool> do_remove(const ObjectId& id) override;
  Result<Evicted> do_evict(std::uint64_t bytes) override;
  Result<void> do_clear() override;
  Result<StoreStats> do_stats() override;
  Result<std::vector<ObjectMetadata>> do_list() override;
  Result<std::vector<ClientInfo>> do_clients() override;
  Result<Subscription> do_subscribe() override;
  AsyncHandle do_get_async(const ObjectId& id, Timeout timeout, GetCallback done) override;
  AsyncHandle do_create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                              CreateCallback done) override;
  int do_event_fd() const override;
  Result<void> do_process_events() override;

  std::shared_ptr<detail::Reconnection> reconnection_;
};

}  // namespace dolium
