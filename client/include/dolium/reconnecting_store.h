#pragma once
// ReconnectingStore: a Client that reconnects. When its daemon was stopped or has died, it goes on with the next daemon
// at the same socket, as soon as there is one.
//
// The next daemon has another store: it is empty, or holds what other clients have put since. Nothing is carried over.
// (A server that crashes or is restarted by its keeper keeps its store. A Client goes on by itself then, and nothing is
// lost.)

#include <memory>
#include <string_view>

#include <dolium/client.h>

namespace dolium {

/// Several threads may use it at the same time. A get costs one short lock more than a Client's.
///
/// When a call finds the store gone, one thread reconnects, and the others wait for it.
///
/// Calls that only read are retried on the next store: gets, exists(), metadata(), stats(), list(), clients(), ping(),
/// subscribe() and all other calls that do not change the store. They wait for the next store until their own timeout,
/// or for ConnectOptions::connect_timeout if they have none (or no_wait). Then they fail as Client::connect() does:
/// `disconnected` if no daemon listens. try_get() never connects: it finds nothing while the store is gone.
///
/// Calls that change the store, takes included, are never retried. A call that is under way when the store goes fails
/// with `disconnected`; the next call goes to the next store. (A call that begins when the store is known to be gone
/// connects first.) So:
/// - An ObjectBuilder belongs to the store in which it was created. After the end of that store, seal() returns
///   `disconnected`.
/// - Pins are flags of objects and go with them: pin the objects that you put into the next store again.
/// - Deferred puts that were not flushed are lost. The next flush() reports it: `disconnected`.
/// - Objects that are held stay readable. They, and their ids, have nothing to do with objects of the next store.
///
/// Subscriptions go on with the next store: first an `overflow` event, then one `sealed` event for each object of that
/// store, then new events. While there is no store, Subscription::next() returns `timed_out` at its deadline.
///
/// Asynchronous gets wait for the next store until their timeout; an asynchronous create or take fails with
/// `disconnected`. The number of event_fd() stays the same. While the store is gone it becomes readable ten times a
/// second, and process_events() tries to reconnect: this can take as long as a daemon takes to answer. It does not fail
/// because no daemon is there.
///
/// fork(): as for Client. The child's store reconnects by itself. Subscriptions stay the parent's.
class DOLIUM_API ReconnectingStore final : public ObjectStore {
 public:
  /// Connects for the first time: the daemon must be there in time. Errors as Client::connect(). Later connections use
  /// the same options and the same socket; a relative path stays relative to the present working directory.
  [[nodiscard]] static Result<std::shared_ptr<ReconnectingStore>> connect(
      std::string_view socket_path = default_socket_path(), const ConnectOptions& options = {});
  ~ReconnectingStore() override;

  /// Of the present connection, or of the last one.
  [[nodiscard]] Access access() const;
  [[nodiscard]] std::uint64_t session_id() const;
  /// Whether the store is there, as far as this process knows; see Client::connected().
  [[nodiscard]] bool connected() const;
  /// Number of times that it has gone on with another store.
  [[nodiscard]] std::uint64_t reconnections() const;

  /// Internal: use connect().
  explicit ReconnectingStore(std::shared_ptr<detail::Reconnection> reconnection);

 private:
  const std::shared_ptr<detail::Reconnection> reconnection_;
};

}  // namespace dolium
