#pragma once
// Client: an ObjectStore whose memory is shared with all processes of this host that connect to one daemon.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/object_store.h>
#include <dolium/socket_path.h>

namespace dolium {

namespace detail {
class Connection;
class Reconnection;
}  // namespace detail
class ReconnectingStore;

/// A deferred put that failed: flush() tells.
struct PutFailure {
  ObjectId id;
  Error error;
};

/// A process's connection to doliumd. Threads may share it.
///
/// get_raw(), exists() and releasing an Object make no system call: they go through shared memory. A get that finds
/// nothing makes none either, unless it waits, or deferred puts of this client are under way. Objects and
/// builders outlive the Client: they keep its mappings, and its session at the daemon, until the last of them
/// is gone. When the process dies, by whatever death, the daemon takes back everything it held or was writing.
///
/// A store ends with its daemon: with an orderly stop, or when the keeper (doliumd's parent process) dies. Then objects
/// that are held stay readable, and every other call says `disconnected` (try_get() finds nothing), also while another
/// daemon with other objects serves at the same socket: connect again, or use a ReconnectingStore. A daemon whose
/// server alone crashes or is replaced goes on with the same store, and so does the Client.
///
/// fork(): the child goes on where its parent was, with a session of its own (another session_id(), the same
/// event_fd()). Inherited Clients work; inherited Objects are references of the child's own, valid and counted
/// whatever the parent releases later. What the parent had begun stays the parent's: in the child inherited builders
/// write and seal nothing and abort nothing, Subscription::next() says `disconnected`, and callbacks never run (an
/// inherited AsyncHandle's cancel() is false). Threads of the parent may use the client meanwhile; a get, or a copy of
/// an Object, then waits until fork() is over. References that such threads release or take at that very moment may
/// stay counted for the child until it ends. A fork costs one handshake a client, and at most two seconds when the
/// daemon does not answer.
///
/// When the child cannot follow (no daemon, no connection to be had, ConnectOptions::follow_fork is off, it was not
/// made by fork() but by a bare clone()), every call on an inherited Client says `disconnected` and why, inherited
/// Objects keep showing their bytes only as long as the parent holds them: connect again in the child. Handlers of
/// one's own (pthread_atfork()) that use the store belong behind the first connect(): of those registered before, the
/// child's run too early, and a copy of an Object in the one before fork() keeps the child from following.
class DOLIUM_API Client final : public ObjectStore {
 public:
  /// disconnected when no daemon listens there (in time), permission_denied when this user may not,
  /// protocol_error when the daemon speaks another version.
  [[nodiscard]] static Result<std::shared_ptr<Client>> connect(std::string_view socket_path = default_socket_path(),
                                                               const ConnectOptions& options = {});
  ~Client() override;

  /// put() without waiting for the answer, for many small objects in a row: several times as fast as put(). The bytes
  /// are copied before it returns. The object is visible to others a moment later, whether or not flush() is called,
  /// and to this client at once: its own later calls see it. Another client's, even one in this process, may overtake
  /// it, and see it only when the daemon has published it: flush() before others are told of it. What only the daemon
  /// can know (already_exists, out_of_memory, ...) is told by the next flush(); here only what is wrong with the
  /// arguments or the connection, and out_of_memory when 4096 failures wait for flush(). At most kInlinePutLimit bytes;
  /// `options.timeout` must be no_wait. Waits while the daemon is behind by more than it takes in at once.
  ///
  /// After the first 64 KiB in a row the client leases memory of the store, at most 1 MiB or a sixteenth of it and as
  /// much again for what comes next, and writes there. flush() gives back what is left, as does the client's end; nor
  /// does it stand in the way of a create or put of this client. Threads that defer puts through one client take turns.
  Result<void> put_deferred(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options = {});
  /// Waits until all deferred puts of before are done; those that failed since the last call, in order. After
  /// `disconnected` nobody knows which were done.
  Result<std::vector<PutFailure>> flush();
  /// A round trip to the daemon: is it there?
  Result<void> ping();
  /// Whether the store is there, as far as this process knows: false once the store has ended (the daemon was stopped,
  /// or has died), or this session of it. Final. No system call. A server that is being replaced, or has crashed and is
  /// being restarted, ends neither.
  [[nodiscard]] bool connected() const noexcept;
  /// What the daemon granted.
  [[nodiscard]] Access access() const noexcept;
  /// The daemon's number for this session, as `dolium clients` shows it.
  [[nodiscard]] std::uint64_t session_id() const noexcept;

  /// Internal: use connect().
  explicit Client(std::shared_ptr<detail::Connection> connection);

 private:
  friend class ReconnectingStore;
  friend class detail::Reconnection;

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

  std::shared_ptr<detail::Connection> connection_;
};

}  // namespace dolium
