#pragma once
// Dispatch: calls the store for each request. One handler for each request of messages.fbs; a request without a handler
// is a compile error. Handlers check what only the session knows (state, access); the store checks the rest. Their
// errors are outcomes, sent as ErrorReply. A request that no correct client sends ends the session.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "daemon/server/handshake.h"
#include "daemon/server/ordered_puts.h"
#include "daemon/server/session.h"
#include "daemon/tier/tier.h"
#include "shm/store/engine.h"

namespace dolium::daemon {

/// The grace of a new object, as a NewObject or a PutHead has it. The store checks it.
template <class Wire>
[[nodiscard]] shm::Grace grace_of(const Wire& wire) noexcept {
  if (wire.grace_ms() == 0) return {};
  return {.duration = std::chrono::milliseconds(wire.grace_ms()), .readers = wire.grace_readers()};
}

class Dispatch {
 public:
  /// Maximum number of events in one EventNotice.
  static constexpr std::size_t kEventsPerNotice = 256;
  /// Clients in the order of their numbers; at most one message's worth.
  struct ClientsPage {
    std::vector<ClientInfo> clients;
    shm::ClientId next = 0;  ///< ask for the clients above this one next; 0: there are none
  };
  using DescribeClients = std::function<ClientsPage(shm::ClientId after)>;

  /// Asks for a restart of the server. An error: refused, and why. Otherwise the answer follows later.
  using Replace = std::function<Result<void>(const Session& session, std::uint64_t request_id,
                                             const protocol::ReplaceRequest& request)>;

  /// `find` returns a client's session, in any state but ended, or nullptr.
  Dispatch(shm::Engine& engine, std::function<Session*(shm::ClientId)> find, DescribeClients describe, Replace replace)
      : engine_(engine), find_(std::move(find)), describe_(std::move(describe)), replace_(std::move(replace)) {}

  /// The spill tier, which outlives this; nullptr: there is none.
  void set_tier(Tier* tier) noexcept {
    tier_ = tier;
    handshake_.set_tier(tier);
  }
  /// From now on no object is created: each attempt gets this error. Reads, seals and removals go on.
  void refuse_new_objects(const Error& why);

  void handle(Session& session, const protocol::RequestFrame& request);
  /// Queues the events of this session's subscriptions, as far as its client reads them. Returns true if more events
  /// wait than may be queued now.
  bool send_events(Session& session);
  /// Continues with puts that waited for the disk. To be called in each turn.
  void go_on() { ordered_puts_.go_on(); }
  [[nodiscard]] const OrderedPuts& ordered_puts() const noexcept { return ordered_puts_; }
  /// Drops the client's subscriptions, and the puts that wait.
  void forget(shm::ClientId client) {
    subscriptions_.erase(client);
    ordered_puts_.forget(client);
  }

 private:
  using Id = std::uint64_t;  // of a request

  void on(Session& session, Id id, const protocol::CreateRequest& request);
  void on(Session& session, Id id, const protocol::LeaseRequest& request);
  void on(Session& session, Id id, const protocol::SealRequest& request);
  void on(Session& session, Id id, const protocol::AbortRequest& request);
  void on(Session& session, Id id, const protocol::PutRequest& request);
  void on(Session& session, Id id, const protocol::PutLeasedRequest& request);
  void on(Session& session, Id id, const protocol::GetRequest& request);
  void on(Session& session, Id id, const protocol::WaitRequest& request);
  void on(Session& session, Id id, const protocol::TakeRequest& request);
  void on(Session& session, Id id, const protocol::CancelRequest& request);
  void on(Session& session, Id id, const protocol::MetadataRequest& request);
  void on(Session& session, Id id, const protocol::ListRequest& request);
  void on(Session& session, Id id, const protocol::PinRequest& request);
  void on(Session& session, Id id, const protocol::UnpinRequest& request);
  void on(Session& session, Id id, const protocol::ExtendGraceRequest& request);
  void on(Session& session, Id id, const protocol::RemoveRequest& request);
  void on(Session& session, Id id, const protocol::EvictRequest& request);
  void on(Session& session, Id id, const protocol::ClearRequest& request);
  void on(Session& session, Id id, const protocol::StatsRequest& request);
  void on(Session& session, Id id, const protocol::ClientsRequest& request);
  void on(Session& session, Id id, const protocol::PingRequest& request);
  void on(Session& session, Id id, const protocol::SubscribeRequest& request);
  void on(Session& session, Id id, const protocol::UnsubscribeRequest& request);
  void on(Session& session, Id id, const protocol::ReplaceRequest& request);
  void on(Session& session, Id id, const protocol::TrimRequest& request);
  void on(Session& session, Id id, const protocol::SpillOrderRequest& request);
  void on(Session& session, Id id, const protocol::ForgetSpilledRequest& request);

  void on_tier(Session& session, Id id, const protocol::RequestFrame& request);
  /// Calls `then` when the object is in memory, or not there. If it cannot be read back, the request fails.
  void in_memory(Session& session, Id id, const ObjectId& object, std::function<Result<void>()> then);
  /// Whether an eviction that finds too little may find more when the disk has done its work.
  [[nodiscard]] bool disk_makes_room() const noexcept;
  void put_when_there_is_room(Session& session, Id id, const protocol::PutRequest& request);
  [[nodiscard]] std::uint64_t grant_one(shm::ClientId client, shm::SlotIndex slot);
  [[nodiscard]] bool is_waiting(const shm::WaitKey& key) const;
  /// Whether the client may begin a wait for so many ids; if not, it is told.
  [[nodiscard]] bool may_wait(Session& session, Id id, std::size_t ids) const;

  shm::Engine& engine_;
  std::function<Session*(shm::ClientId)> find_;
  DescribeClients describe_;
  Replace replace_;
  Handshake handshake_{engine_, find_};
  std::unordered_map<shm::ClientId, std::vector<Id>> subscriptions_;
  Tier* tier_ = nullptr;
  std::optional<Error> no_new_objects_;
  OrderedPuts ordered_puts_{engine_, find_, no_new_objects_};
};

}  // namespace dolium::daemon
