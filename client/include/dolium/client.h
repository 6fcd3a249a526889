#pragma once
// Client: a connection to a daemon (doliumd). Its store is in memory that all processes of the host share.

#include <memory>
#include <string_view>

#include <dolium/object_store.h>
#include <dolium/socket_path.h>
#include <dolium/spill_order.h>

namespace dolium {

namespace detail {
class Connection;
class Reconnection;
}  // namespace detail

/// A process's connection to doliumd. Several threads may use it at the same time.
///
/// get_raw(), exists() and the release of an Object use shared memory and make no system call. A get that finds nothing
/// makes none either, unless it waits or deferred puts of this client are under way.
///
/// Objects and builders may outlive the Client: they keep its memory mappings, and its session at the daemon, until the
/// last of them is destroyed. When the process dies in any way, the daemon takes back all that it held or was writing.
///
/// A store ends with its daemon: when the daemon is stopped, or when the keeper (the parent process of doliumd) dies.
/// Then objects that are held stay readable, try_get() finds nothing, and every other call returns `disconnected`. This
/// is final, even if another daemon serves at the same socket: connect again, or use a ReconnectingStore. If only the
/// daemon's server process crashes or is restarted, the store goes on, and so does the Client.
///
/// fork(): the child gets a session of its own, with its own session_id() and the same event_fd() number. Inherited
/// Clients work. Inherited Objects are references of the child: they stay valid when the parent releases its own.
/// Operations that the parent began stay the parent's. In the child an inherited builder can neither write, seal nor
/// abort, Subscription::next() returns `disconnected`, callbacks never run, and cancel() of an inherited AsyncHandle
/// returns false. Other threads of the parent may use the client during fork(): a get, or a copy of an Object, then
/// waits until fork() is over. References that such threads take or release at that moment may stay counted for the
/// child until it ends. Each fork costs one handshake per client, and at most two seconds if the daemon does not
/// answer.
///
/// A child cannot follow if the daemon cannot be reached, if ConnectOptions::follow_fork is off, or if it was made by
/// clone() instead of fork(). Then every call on an inherited Client returns `disconnected` with the reason, and
/// inherited Objects stay readable only while the parent holds them: connect again in the child. Register your own
/// pthread_atfork() handlers that use the store after the first connect(). The child handlers of earlier ones run too
/// early, and an Object copied in an earlier prepare handler keeps the child from following.
class DOLIUM_API Client final : public ObjectStore {
 public:
  /// Connects to the daemon at this socket. disconnected if no daemon listens there within options.connect_timeout;
  /// permission_denied if this user may not connect; protocol_error if the daemon speaks another protocol version.
  [[nodiscard]] static Result<std::shared_ptr<Client>> connect(std::string_view socket_path = default_socket_path(),
                                                               const ConnectOptions& options = {});
  ~Client() override;

  /// Whether the store is there, as far as this process knows. False after the end of the store or of this session;
  /// then it stays false. True while the daemon's server is being restarted. Makes no system call.
  [[nodiscard]] bool connected() const noexcept;
  /// The access that the daemon granted.
  [[nodiscard]] Access access() const noexcept;
  /// The daemon's number of this session, as `dolium clients` shows it.
  [[nodiscard]] std::uint64_t session_id() const noexcept;

  // ---- the spill tier, for operators ----

  /// Gives the spill process an order, and returns at once. It has a few calls for that: this one, and spill_order()
  /// until it is finished. tier_unavailable if there is no such process now; already_exists while it carries out
  /// another order: one at a time. An order goes on when this client ends.
  [[nodiscard]] Result<SpillOrder> begin_spill_order(SpillOrderKind kind);
  /// How far it is, and damaged objects from number `damaged_from` on, some thousand at most: ask until you have
  /// damaged_count of them, or none come. tier_unavailable if the process, or the server, has begun anew meanwhile.
  [[nodiscard]] Result<SpillOrder> spill_order(std::uint64_t number, std::uint64_t damaged_from = 0);
  /// For a disk that is dead for good. Objects that are only there are removed (events say `lost`); those that are in
  /// memory, too, are written again. If no spill process is there, the store accepts another directory from then on, if
  /// it is empty; else the process empties its own.
  Result<ForgottenSpill> forget_spilled();

  /// Internal: use connect().
  explicit Client(std::shared_ptr<detail::Connection> connection);

 private:
  friend class detail::Reconnection;

  const std::shared_ptr<detail::Connection> connection_;
};

}  // namespace dolium
