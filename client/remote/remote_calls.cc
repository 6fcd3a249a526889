#include "client/remote/remote_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "client/mapped/new_object.h"
#include "client/mapped/subscription_state.h"
#include "client/remote/lent_extent.h"
#include "client/remote/own_connection.h"

namespace dolium::detail {
namespace {

using shm::TimeNs;

/// Time after a deadline for the daemon's answer. It answers at once, unless it is suspended or starved.
constexpr std::chrono::milliseconds kAnswerGrace{100};

std::unique_ptr<protocol::NewObjectT> to_wire(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  const shm::NewObject object = new_object(id, size, options);
  auto wire = std::make_unique<protocol::NewObjectT>();
  wire->id = protocol::to_wire_pointer(id);
  wire->data_size = object.data_size;
  wire->metadata_size = object.metadata_size;
  wire->type_tag = object.type_tag;
  wire->type_name = object.type_name;
  wire->label = object.label;
  wire->pinned = object.pinned;
  wire->time_to_live_ms = static_cast<std::uint64_t>(options.time_to_live.count());
  wire->time_to_idle_ms = static_cast<std::uint64_t>(options.time_to_idle.count());
  wire->grace_ms = static_cast<std::uint32_t>(options.grace.count());
  wire->grace_readers = options.grace_readers;
  wire->retention = static_cast<protocol::Retention>(options.retention);
  return wire;
}

class RemoteSubscription final : public SubscriptionState {
 public:
  RemoteSubscription(std::shared_ptr<Connection> connection, std::uint64_t number, std::shared_ptr<EventBuffer> buffer)
      : connection_(std::move(connection)), number_(number), buffer_(std::move(buffer)) {}
  ~RemoteSubscription() override {
    if (!connection_.is_parents()) connection_->events().unsubscribe(number_);
  }
  Result<Event> next(Timeout timeout) override {
    if (auto mine = connection_.check("subscription"); !mine) return std::move(mine).error();
    return connection_->events().next(*buffer_, timeout);
  }

 private:
  OwnConnection connection_;
  std::uint64_t number_;
  std::shared_ptr<EventBuffer> buffer_;
};

/// For create_async()'s callback.
Result<ObjectBuilder> builder_of(LentExtent& extent, std::uint64_t size, std::span<const std::byte> metadata) {
  const std::shared_ptr<Connection> connection = extent.hand_over();
  if (connection == nullptr) return Error{Errc::disconnected, "the client is gone"};
  return remote_builder(connection, extent.id(), extent.offset(), extent.epoch(), size, metadata);
}

}  // namespace

protocol::CreateRequestT create_request(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  protocol::CreateRequestT request;
  request.object = to_wire(id, size, options);
  request.timeout_ns = to_wire(options.timeout);
  return request;
}

protocol::Deadline give_up_after(Timeout timeout) {
  if (timeout.is_no_wait()) return protocol::kNoDeadline;
  return std::min(protocol::deadline_after(timeout), protocol::kNoDeadline - kAnswerGrace) + kAnswerGrace;
}

AsyncHandle cancelling(const std::shared_ptr<Connection>& connection, Completions::Ticket ticket,
                       std::vector<std::uint64_t> numbers) {
  return AsyncHandle([weak = std::weak_ptr(connection), ticket, numbers = std::move(numbers)] {
    const auto here = weak.lock();
    if (here == nullptr || !here->completions().cancel(ticket)) return false;
    if (here->inherited()) return true;
    for (const std::uint64_t number : numbers) here->exchange().post_cancel(number);
    return true;
  });
}

AsyncHandle answered_at_once(const std::shared_ptr<Connection>& connection, Completions::Ticket ticket,
                             std::function<void()> callback) {
  connection->completions().push(ticket, std::move(callback));
  return cancelling(connection, ticket, {});
}

Result<ObjectMetadata> remote_metadata(Connection& connection, const ObjectId& id) {
  protocol::MetadataRequestT request;
  request.id = protocol::to_wire_pointer(id);
  return connection.ask<protocol::MetadataReply>(request, [](const protocol::MetadataReply& reply) {
    return Result<ObjectMetadata>(protocol::from_wire(*reply.object()));
  });
}

Result<Subscription> remote_subscription(const std::shared_ptr<Connection>& connection) {
  auto subscribed = connection->events().subscribe();
  if (!subscribed) return std::move(subscribed).error();
  return Subscription(
      std::make_shared<RemoteSubscription>(connection, subscribed->first, std::move(subscribed->second)));
}

AsyncHandle remote_get_async(const std::shared_ptr<Connection>& connection, const ObjectId& id, Timeout timeout,
                             ObjectStore::GetCallback done) {
  Attachment& attachment = connection->attachment();
  const auto kept = std::make_shared<const ObjectStore::GetCallback>(std::move(done));
  const Completions::Ticket ticket = connection->completions().begin(kept);
  const auto* const callback = kept.get();
  Attachment::Attempt attempt = attachment.hold(id, Attachment::Count::hit);  // if it is gone, the request below fails
  if (attempt.verdict == Attachment::Verdict::held)
    return answered_at_once(connection, ticket, [callback, object = std::move(attempt.object)]() mutable {
      (*callback)(std::move(object));
    });
  auto call = std::make_shared<Call>();
  call->ids.push_back(id);
  // The connection outlives its calls; they do not keep it alive.
  call->on_answer = [here = connection.get(), ticket, id, timeout, callback](Call& answer) {
    const auto reply = answer.reply<protocol::GetReply>();
    Result<Object> result = reply ? nothing_there(id, timeout) : reply.error();
    if (reply && !answer.taken.empty() && answer.taken.front()) {
      here->attachment().record_hit(*answer.taken.front());
      result = *std::move(answer.taken.front());
    } else if (reply) {
      here->attachment().record_miss();
    }
    here->completions().push(ticket,
                             [callback, result = std::move(result)]() mutable { (*callback)(std::move(result)); });
  };
  protocol::GetRequestT request;
  request.ids.push_back(protocol::to_wire(id));
  request.timeout_ns = to_wire(timeout);
  const Result<std::uint64_t> number = connection->exchange().begin(request, call);
  if (!number) return answered_at_once(connection, ticket, [callback, error = number.error()] { (*callback)(error); });
  return cancelling(connection, ticket, {*number});
}

// ---- takes ----

namespace {

protocol::TakeRequestT take_request(const ObjectId& id, std::uint64_t type_tag, Timeout timeout) {
  protocol::TakeRequestT request;
  request.id = protocol::to_wire_pointer(id);
  request.type_tag = type_tag;
  request.timeout_ns = detail::to_wire(timeout);
  return request;
}

/// The result of a take that was answered.
Result<Object> taken_by(Connection& connection, Call& answer, const protocol::TakeReply& reply, Timeout timeout) {
  const ObjectId& id = answer.ids.front();
  if (reply.place() == nullptr) {
    connection.attachment().record_miss();
    return nothing_there(id, timeout);
  }
  if (answer.taken.empty() || !answer.taken.front())
    return Error{Errc::disconnected,
                 fmt::format("object {} was removed for this client, but the daemon's server died, or was replaced, "
                             "before the client held it: the object is lost",
                             id.hex())};
  connection.attachment().record_hit(*answer.taken.front());
  return *std::move(answer.taken.front());
}

}  // namespace

Result<Object> remote_take(Connection& connection, const ObjectId& id, std::uint64_t type_tag, Timeout timeout) {
  Call call;
  call.ids.push_back(id);
  return connection.ask<protocol::TakeReply>(
      take_request(id, type_tag, timeout), call,
      [&](const protocol::TakeReply& reply) { return taken_by(connection, call, reply, timeout); });
}

AsyncHandle remote_take_async(const std::shared_ptr<Connection>& connection, const ObjectId& id, Timeout timeout,
                              ObjectStore::GetCallback done) {
  const auto kept = std::make_shared<const ObjectStore::GetCallback>(std::move(done));
  const Completions::Ticket ticket = connection->completions().begin(kept);
  const auto* const callback = kept.get();
  const auto arrived = std::make_shared<std::atomic<bool>>(false);
  auto call = std::make_shared<Call>();
  call->ids.push_back(id);
  call->on_answer = [here = connection.get(), ticket, timeout, callback, arrived](Call& answer) {
    const auto reply = answer.reply<protocol::TakeReply>();
    Result<Object> result = reply ? taken_by(*here, answer, **reply, timeout) : reply.error();
    *arrived = true;
    here->completions().push(ticket,
                             [callback, result = std::move(result)]() mutable { (*callback)(std::move(result)); });
  };
  connection->meet_successor();
  const Result<std::uint64_t> number = connection->exchange().begin(take_request(id, 0, timeout), call);
  if (!number) return answered_at_once(connection, ticket, [callback, error = number.error()] { (*callback)(error); });
  AsyncHandle handle = cancelling(connection, ticket, {*number});
  // What has arrived belongs to the callback: nobody else would have the object.
  return AsyncHandle([arrived, handle]() mutable { return !*arrived && handle.cancel(); });
}

AsyncHandle remote_create_async(const std::shared_ptr<Connection>& connection, const ObjectId& id, std::uint64_t size,
                                const CreateOptions& options, ObjectStore::CreateCallback done) {
  const auto kept = std::make_shared<const ObjectStore::CreateCallback>(std::move(done));
  const Completions::Ticket ticket = connection->completions().begin(kept);
  const auto* const callback = kept.get();
  auto call = std::make_shared<Call>();
  std::vector<std::byte> metadata(options.metadata.begin(), options.metadata.end());
  call->on_answer = [here = connection.get(), weak = std::weak_ptr(connection), ticket, id, size, callback,
                     metadata = std::move(metadata)](Call& answer) {
    const auto reply = answer.reply<protocol::CreateReply>();
    if (!reply) {
      here->completions().push(ticket, [callback, error = reply.error()] { (*callback)(error); });
      return;
    }
    const auto strong = weak.lock();
    if (strong == nullptr) return;  // the session's end gives the extent back
    // If it is not used (the operation was cancelled, or the client is being destroyed), it goes back.
    const auto extent = std::make_shared<LentExtent>(strong, id, (*reply)->offset(), answer.epoch);
    here->completions().push(ticket,
                             [callback, extent, size, metadata] { (*callback)(builder_of(*extent, size, metadata)); });
  };
  const Result<std::uint64_t> number = connection->exchange().begin(create_request(id, size, options), call);
  if (!number) return answered_at_once(connection, ticket, [callback, error = number.error()] { (*callback)(error); });
  return cancelling(connection, ticket, {*number});
}

AsyncHandle remote_answer(const std::shared_ptr<Connection>& connection, std::function<void()> callback) {
  const auto kept = std::make_shared<const std::function<void()>>(std::move(callback));
  const Completions::Ticket ticket = connection->completions().begin(kept);
  return answered_at_once(connection, ticket, [run = kept.get()] { (*run)(); });
}

}  // namespace dolium::detail
