#include "client/facade/reconnecting_backend.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "client/mapped/subscription_state.h"

namespace dolium::detail {
namespace {

Error lost(const Error& why) {
  return {why.code,
          fmt::format("{}; this call is not repeated, and what was begun in that store is lost: the next call goes to "
                      "the next store at the socket",
                      why.message)};
}

/// A read: repeated on the next store, until the deadline. Calls `read(client, time left)`.
template <class Read>
auto repeat(Reconnection& reconnection, Timeout timeout, Read&& read) -> std::invoke_result_t<Read, Client&, Timeout> {
  // Without a timeout the clock is read only when it is needed.
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
    auto again = read(*client, timeout.is_no_wait() ? no_wait : time_left(deadline));
    const bool gone = !again && again.error().code == Errc::disconnected;
    if (!gone || std::chrono::steady_clock::now() >= deadline) return again;
  }
}

/// A call that changes the store: never repeated.
template <class Write>
auto once(Reconnection& reconnection, Write&& write) -> std::invoke_result_t<Write, Client&> {
  const Result<Reconnection::Current> now = reconnection.present();
  if (!now) return now.error();
  auto result = write(*now->client);
  if (!result && result.error().code == Errc::disconnected) return lost(result.error());
  return result;
}

/// The error of a subscription while there is no next store: a timeout, not the end of the subscription.
Error nothing_happens(const Error& why) {
  if (why.code != Errc::disconnected) return why;
  return {Errc::timed_out, fmt::format("no event came in time ({})", why.message)};
}

/// Continues with the next store, after an `overflow` event.
class ReconnectingSubscription final : public SubscriptionState {
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

class ReconnectingBackend final : public StoreBackend {
 public:
  explicit ReconnectingBackend(std::shared_ptr<Reconnection> reconnection)
      : StoreBackend(nullptr), reconnection_(std::move(reconnection)) {}

  /// Never called: each client has guards of its own.
  [[nodiscard]] Error refusal() const override { return {Errc::disconnected, "this store takes no calls"}; }

  Result<ObjectBuilder> create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) override {
    return once(*reconnection_, [&](Client& client) { return client.create(id, size, options); });
  }
  Result<Object> put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                     bool hold) override {
    return once(*reconnection_, [&](Client& client) -> Result<Object> {
      StoreBackend& backend = Reconnection::backend_of(client);
      if (auto allowed = backend.check_may_write(); !allowed) return std::move(allowed).error();
      return backend.put(id, data, options, hold);
    });
  }
  Result<std::vector<Result<void>>> put_many(std::span<const PutItem> items) override {
    return once(*reconnection_, [&](Client& client) { return client.put_many(items); });
  }
  Result<void> put_deferred(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options) override;
  Result<std::vector<PutFailure>> flush() override;

  Result<Object> get_after(Attachment::Verdict /*looked*/, const ObjectId& id, Timeout timeout) override {
    if (std::optional<Object> object = try_get(id)) return *std::move(object);
    return repeat(*reconnection_, timeout, [&](Client& client, Timeout left) { return client.get_raw(id, left); });
  }
  std::optional<Object> try_get(const ObjectId& id) override { return reconnection_->client()->try_get(id); }
  Result<Objects> get_many(std::span<const ObjectId> ids, std::size_t count, Timeout timeout) override {
    return repeat(*reconnection_, timeout, [&](Client& client, Timeout left) {
      return count == ids.size() ? client.get_many(ids, left) : client.get_many(ids, count, left);
    });
  }
  Result<Subscription> subscribe() override;

  AsyncHandle get_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) override {
    return reconnection_->get_async(id, timeout, std::move(done));
  }
  AsyncHandle get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                             ObjectStore::GetManyCallback done) override {
    return reconnection_->get_many_async(ids, count, timeout, std::move(done));
  }
  AsyncHandle take_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) override {
    return reconnection_->take_async(id, timeout, std::move(done));
  }
  AsyncHandle create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                           ObjectStore::CreateCallback done) override {
    return reconnection_->create_async(id, size, options, std::move(done));
  }
  AsyncHandle answer_soon(std::function<void()> callback) override {
    return reconnection_->answer_soon(std::move(callback));
  }
  [[nodiscard]] int event_fd() override { return reconnection_->event_fd(); }
  Result<void> process_events() override {
    const std::shared_ptr<Reconnection> kept = reconnection_;  // a callback may destroy this
    kept->process_events();
    return {};
  }

 private:
  void ask(StoreCall& call, Repeat repeatable, Timeout timeout) override;

  std::shared_ptr<Reconnection> reconnection_;
};

Result<void> ReconnectingBackend::put_deferred(const ObjectId& id, std::span<const std::byte> data,
                                               const CreateOptions& options) {
  const Result<Reconnection::Current> now = reconnection_->present();
  if (!now) return now.error();
  reconnection_->note_deferred(now->number);
  Result<void> sent = now->client->put_deferred(id, data, options);
  if (!sent && sent.error().code == Errc::disconnected) return lost(sent.error());
  return sent;
}

Result<std::vector<PutFailure>> ReconnectingBackend::flush() {
  const Reconnection::Current now = reconnection_->current();
  if (reconnection_->take_lost_deferred(now.number))
    return Error{Errc::disconnected,
                 "the store that deferred puts went to is gone, and they with it: put them into the next store again"};
  Result<std::vector<PutFailure>> failures = now.client->flush();
  reconnection_->settled_deferred(now.number);  // their outcome is reported now
  if (!failures && failures.error().code == Errc::disconnected) return lost(failures.error());
  return failures;
}

Result<Subscription> ReconnectingBackend::subscribe() {
  return repeat(*reconnection_, no_wait, [&](Client& client, Timeout) -> Result<Subscription> {
    reconnection_->watch();
    Result<Subscription> inner = client.subscribe();
    if (!inner) return inner;
    auto shared = std::static_pointer_cast<Client>(client.shared_from_this());
    return Subscription(
        std::make_shared<ReconnectingSubscription>(reconnection_, std::move(shared), *std::move(inner)));
  });
}

void ReconnectingBackend::ask(StoreCall& call, Repeat repeatable, Timeout timeout) {
  const auto ask_one = [&](Client& client, Timeout left) -> Result<void> {
    Reconnection::backend_of(client).carry_out(call, repeatable, left);
    const Error* const error = call.error();
    return error == nullptr ? Result<void>() : Result<void>(*error);
  };
  const Result<void> done = repeatable == Repeat::may
                                ? repeat(*reconnection_, timeout, ask_one)
                                : once(*reconnection_, [&](Client& client) { return ask_one(client, timeout); });
  if (!done) call.fail(done.error());
}

}  // namespace

std::unique_ptr<StoreBackend> make_reconnecting_backend(std::shared_ptr<Reconnection> reconnection) {
  return std::make_unique<ReconnectingBackend>(std::move(reconnection));
}

}  // namespace dolium::detail
