#include <dolium/reconnecting_store.h>

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "client/mapped/subscription_state.h"
#include "client/remote/reconnection.h"

namespace dolium {

using detail::Reconnection;

namespace {

Error lost(const Error& why) {
  return {why.code,
          fmt::format("{}; this call is not repeated, and what was begun in that store is lost: the next call goes to "
                      "the next store at the socket",
                      why.message)};
}

/// A read: again with the next store, until the deadline. `read(client, timeout)`.
template <class Read>
auto repeat(Reconnection& reconnection, Timeout timeout, Read&& read) -> std::invoke_result_t<Read, Client&, Timeout> {
  // Without a timeout of its own the clock is not looked at before it is needed.
  protocol::Deadline deadline = timeout.is_no_wait() ? protocol::Deadline() : reconnection.patience(timeout);
  std::shared_ptr<Client> client = reconnection.client();
  auto result = read(*client, timeout);
  if (result || result.error().code != Errc::disconnected) return result;
  if (timeout.is_no_wait()) deadline = reconnection.patience(timeout);
  for (int tries = 0;; ++tries) {
    if (tries > 1) std::this_thread::sleep_for(Reconnection::kPause);
    Result<std::shared_ptr<Client>> next = reconnection.after(client, deadline);
    if (!next) return std::move(next).error();
    client = *std::move(next);
    auto again = read(*client, timeout.is_no_wait() ? no_wait : detail::time_left(deadline));
    const bool gone = !again && again.error().code == Errc::disconnected;
    if (!gone || std::chrono::steady_clock::now() >= deadline) return again;
  }
}

/// A call that changes something: once.
template <class Write>
auto once(Reconnection& reconnection, Write&& write) -> std::invoke_result_t<Write, Client&> {
  const Result<Reconnection::Current> now = reconnection.present();
  if (!now) return now.error();
  auto result = write(*now->client);
  if (!result && result.error().code == Errc::disconnected) return lost(result.error());
  return result;
}

/// While there is no next store, nothing happens there: that is no end of a subscription.
Error nothing_happens(const Error& why) {
  if (why.code != Errc::disconnected) return why;
  return {Errc::timed_out, fmt::format("no event came in time ({})", why.message)};
}

/// Goes on with the next store after an `overflow`.
class ReconnectingSubscription final : public detail::SubscriptionState {
 public:
  ReconnectingSubscription(std::shared_ptr<Reconnection> reconnection, std::shared_ptr<Client> client,
                           Subscription inner)
      : reconnection_(std::move(reconnection)),
        client_(std::move(client)),
        inner_(std::move(inner)),
        forks_(reconnection_->forks()) {}

  Result<Event> next(Timeout timeout) override {
    const protocol::Deadline deadline = protocol::deadline_after(timeout);
    Result<Event> event = inner_.next(timeout);
    if (event || event.error().code != Errc::disconnected || reconnection_->forks() != forks_) return event;
    for (;;) {
      Result<std::shared_ptr<Client>> next = reconnection_->after(client_, deadline);
      if (!next) return nothing_happens(next.error());
      client_ = *std::move(next);
      reconnection_->watch();
      Result<Subscription> subscribed = client_->subscribe();
      if (subscribed) {
        inner_ = *std::move(subscribed);
        Event gap;
        gap.kind = Event::Kind::overflow;
        return gap;
      }
      if (subscribed.error().code != Errc::disconnected || std::chrono::steady_clock::now() >= deadline)
        return nothing_happens(subscribed.error());
      std::this_thread::sleep_for(Reconnection::kPause);
    }
  }

 private:
  std::shared_ptr<Reconnection> reconnection_;
  std::shared_ptr<Client> client_;
  Subscription inner_;
  const std::uint32_t forks_;
};

}  // namespace

Result<std::shared_ptr<ReconnectingStore>> ReconnectingStore::connect(std::string_view socket_path,
                                                                      const ConnectOptions& options) {
  Result<std::shared_ptr<Reconnection>> connected = Reconnection::connect(socket_path, options);
  if (!connected) return std::move(connected).error();
  return std::make_shared<ReconnectingStore>(*std::move(connected));
}

ReconnectingStore::ReconnectingStore(std::shared_ptr<Reconnection> reconnection)
    : reconnection_(std::move(reconnection)) {}
ReconnectingStore::~ReconnectingStore() = default;

Access ReconnectingStore::access() const {
  return reconnection_->client()->access();
}
std::uint64_t ReconnectingStore::session_id() const {
  return reconnection_->client()->session_id();
}
bool ReconnectingStore::connected() const {
  return reconnection_->client()->connected();
}
std::uint64_t ReconnectingStore::reconnections() const {
  return reconnection_->current().number;
}

Result<void> ReconnectingStore::ping() {
  return repeat(*reconnection_, no_wait, [](Client& client, Timeout) { return client.ping(); });
}

// ---- writing ----

Result<ObjectBuilder> ReconnectingStore::do_create(const ObjectId& id, std::uint64_t size,
                                                   const CreateOptions& options) {
  return once(*reconnection_, [&](Client& client) { return client.create(id, size, options); });
}
Result<Object> ReconnectingStore::do_put(const ObjectId& id, std::span<const std::byte> data,
                                         const CreateOptions& options, bool hold) {
  return once(*reconnection_, [&](Client& client) { return client.do_put(id, data, options, hold); });
}
Result<std::vector<Result<void>>> ReconnectingStore::do_put_many(std::span<const PutItem> items) {
  return once(*reconnection_, [&](Client& client) { return client.put_many(items); });
}

Result<void> ReconnectingStore::put_deferred(const ObjectId& id, std::span<const std::byte> data,
                                             const CreateOptions& options) {
  const Result<Reconnection::Current> now = reconnection_->present();
  if (!now) return now.error();
  reconnection_->note_deferred(now->number);
  Result<void> sent = now->client->put_deferred(id, data, options);
  if (!sent && sent.error().code == Errc::disconnected) return lost(sent.error());
  return sent;
}

Result<std::vector<PutFailure>> ReconnectingStore::flush() {
  const Reconnection::Current now = reconnection_->current();
  if (reconnection_->take_lost_deferred(now.number))
    return Error{Errc::disconnected,
                 "the store that deferred puts went to is gone, and they with it: put them into the next store again"};
  Result<std::vector<PutFailure>> failures = now.client->flush();
  reconnection_->settled_deferred(now.number);  // whatever became of them, it is said now
  if (!failures && failures.error().code == Errc::disconnected) return lost(failures.error());
  return failures;
}

// ---- reading ----

Result<Object> ReconnectingStore::do_get(const ObjectId& id, Timeout timeout) {
  if (std::optional<Object> object = do_try_get(id)) return *std::move(object);
  return repeat(*reconnection_, timeout, [&](Client& client, Timeout left) { return client.get_raw(id, left); });
}
std::optional<Object> ReconnectingStore::do_try_get(const ObjectId& id) {
  return reconnection_->client()->try_get(id);
}
Result<std::vector<std::optional<Object>>> ReconnectingStore::do_get_many(std::span<const ObjectId> ids,
                                                                          Timeout timeout) {
  return repeat(*reconnection_, timeout, [&](Client& client, Timeout left) { return client.get_many(ids, left); });
}
Result<bool> ReconnectingStore::do_exists(const ObjectId& id) {
  return repeat(*reconnection_, no_wait, [&](Client& client, Timeout) { return client.exists(id); });
}
Result<ObjectMetadata> ReconnectingStore::do_metadata(const ObjectId& id) {
  return repeat(*reconnection_, no_wait, [&](Client& client, Timeout) { return client.metadata(id); });
}

// ---- keeping and letting go ----

Result<void> ReconnectingStore::do_pin(const ObjectId& id, bool pinned) {
  return once(*reconnection_, [&](Client& client) { return pinned ? client.pin(id) : client.unpin(id); });
}
Result<bool> ReconnectingStore::do_remove(const ObjectId& id) {
  return once(*reconnection_, [&](Client& client) { return client.remove(id); });
}
Result<Evicted> ReconnectingStore::do_evict(std::uint64_t bytes) {
  return once(*reconnection_, [&](Client& client) { return client.evict_and_count(bytes); });
}
Result<void> ReconnectingStore::do_clear() {
  return once(*reconnection_, [](Client& client) { return client.clear(); });
}

// ---- looking ----

Result<StoreStats> ReconnectingStore::do_stats() {
  return repeat(*reconnection_, no_wait, [](Client& client, Timeout) { return client.stats(); });
}
Result<std::vector<ObjectMetadata>> ReconnectingStore::do_list() {
  return repeat(*reconnection_, no_wait, [](Client& client, Timeout) { return client.list(); });
}
Result<std::vector<ClientInfo>> ReconnectingStore::do_clients() {
  return repeat(*reconnection_, no_wait, [](Client& client, Timeout) { return client.clients(); });
}
Result<Subscription> ReconnectingStore::do_subscribe() {
  return repeat(*reconnection_, no_wait, [&](Client& client, Timeout) -> Result<Subscription> {
    reconnection_->watch();
    Result<Subscription> inner = client.subscribe();
    if (!inner) return inner;
    auto shared = std::static_pointer_cast<Client>(client.shared_from_this());
    return Subscription(
        std::make_shared<ReconnectingSubscription>(reconnection_, std::move(shared), *std::move(inner)));
  });
}

// ---- without blocking ----

AsyncHandle ReconnectingStore::do_get_async(const ObjectId& id, Timeout timeout, GetCallback done) {
  return reconnection_->get_async(id, timeout, std::move(done));
}
AsyncHandle ReconnectingStore::do_create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                               CreateCallback done) {
  return reconnection_->create_async(id, size, options, std::move(done));
}
int ReconnectingStore::do_event_fd() const {
  return reconnection_->event_fd();
}
Result<void> ReconnectingStore::do_process_events() {
  const std::shared_ptr<Reconnection> kept = reconnection_;  // a callback may drop the last reference to this store
  kept->process_events();
  return {};
}

}  // namespace dolium
