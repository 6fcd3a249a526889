#include "client/remote/remote_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "client/mapped/builder_backend.h"
#include "client/mapped/new_object.h"
#include "client/mapped/subscription_state.h"
#include "client/remote/lent_extent.h"

namespace dolium::detail {
namespace {

using shm::TimeNs;

/// What one GetRequest asks for at most; the daemon's own bound is not below this.
constexpr std::size_t kWaitBatch = 16384;

/// Time after a deadline for the daemon's answer. It answers at once, unless it is suspended or starved.
constexpr std::chrono::milliseconds kAnswerGrace{100};

/// What is left until the deadline, as the wire has it.
std::uint64_t remaining(TimeNs deadline) {
  const TimeNs now = shm::monotonic_now();
  return deadline == shm::kNever ? UINT64_MAX : deadline > now ? deadline - now : 0;
}

std::unique_ptr<protocol::NewObjectT> to_wire(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  const shm::NewObject object = new_object(id, size, options);
  auto wire = std::make_unique<protocol::NewObjectT>();
  wire->id = protocol::to_wire_pointer(id);
  wire->data_size = object.data_size;
  wire->metadata_size = object.metadata_size;
  wire->type_tag = object.type_tag;
  wire->type_name = object.type_name;
  wire->pinned = object.pinned;
  wire->time_to_live_ms = static_cast<std::uint64_t>(options.time_to_live.count());
  wire->time_to_idle_ms = static_cast<std::uint64_t>(options.time_to_idle.count());
  return wire;
}

/// The connection of what was begun here. In a forked child, also in one that goes on with a session of its own, what
/// was begun before fork() is the parent's.
class OwnConnection {
 public:
  explicit OwnConnection(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)), generation_(connection_->generation()) {}
  Connection* operator->() const noexcept { return connection_.get(); }
  Connection& operator*() const noexcept { return *connection_; }
  [[nodiscard]] bool is_parents() const noexcept {
    return connection_->inherited() || connection_->generation() != generation_;
  }
  [[nodiscard]] Result<void> check(std::string_view what) const {
    if (connection_->inherited()) return connection_->inherited_by_fork();
    if (!is_parents()) return {};
    return Error{Errc::disconnected, fmt::format("this {} was begun by the parent process before fork(), and is the "
                                                 "parent's",
                                                 what)};
  }

 private:
  std::shared_ptr<Connection> connection_;  // and with it the mappings
  std::uint32_t generation_;
};

/// The daemon drops what was being written when its server died.
Error dropped(const ObjectId& id) {
  return {Errc::disconnected,
          fmt::format("the daemon's server has died, or was replaced, while object {} was being written, and it was "
                      "dropped: create it again",
                      id.hex())};
}

/// `epoch`: of the connection, when the extent was given.
class RemoteBuilder final : public BuilderBackend {
 public:
  RemoteBuilder(std::shared_ptr<Connection> connection, const ObjectId& id, std::uint64_t offset, std::uint32_t epoch)
      : connection_(std::move(connection)), id_(id), offset_(offset), epoch_(epoch) {}
  RemoteBuilder(const RemoteBuilder&) = delete;
  RemoteBuilder& operator=(const RemoteBuilder&) = delete;
  ~RemoteBuilder() override {
    if (!connection_.is_parents()) connection_->extents().remove(id_, offset_);
  }

  Result<void> check() const override { return connection_.check("object"); }
  void seal_is_near() noexcept override { connection_->wake_early(); }
  Result<Object> seal(bool hold) override {
    if (auto mine = check(); !mine) return std::move(mine).error();
    if (connection_->epoch() != epoch_) {
      give_up();
      return dropped(id_);
    }
    Result<Object> sealed = or_give_up([&] { return ask_to_seal(hold); });
    if (sealed || connection_->epoch() == epoch_) return sealed;
    // The server died during the call, or before the request was sent: its successor dropped an object that was not
    // sealed.
    give_up();
    return sealed.error().code == Errc::not_found ? Result<Object>(dropped(id_)) : sealed;
  }
  Result<void> abort() override {
    if (connection_.is_parents()) return {};
    Result<void> aborted = or_give_up([&] { return connection_->tell(last_word()); });
    // A server that died may have done it already.
    return unless_gone(aborted);
  }
  Result<void> abort_and_keep() override {
    if (connection_.is_parents()) return {};
    kept_ = true;                                   // whatever is answered: it is not sealed any more
    if (connection_->epoch() != epoch_) return {};  // the server's death freed the id
    protocol::AbortRequestT request = abort_request(*connection_, id_, offset_, epoch_);
    request.keep = true;
    return unless_gone(connection_->tell(std::move(request)));
  }

 private:
  [[nodiscard]] protocol::AbortRequestT last_word() const {
    protocol::AbortRequestT request = abort_request(*connection_, id_, offset_, epoch_);
    request.abandoned |= kept_;
    return request;
  }
  [[nodiscard]] Result<void> unless_gone(Result<void> aborted) const {
    const bool gone = !aborted && aborted.error().code == Errc::not_found && connection_->epoch() != epoch_;
    return gone ? Result<void>() : aborted;
  }
  void give_up() const { connection_->exchange().post(last_word()); }
  /// Nobody comes back to a builder that had no memory to say its last word.
  template <class Ask>
  auto or_give_up(Ask&& ask) const -> decltype(ask()) {
    try {
      return ask();
    } catch (const std::bad_alloc&) {
      give_up();
      throw;
    }
  }
  Result<Object> ask_to_seal(bool hold) {
    protocol::SealRequestT request;
    request.id = protocol::to_wire_pointer(id_);
    request.hold = hold;
    request.offset = offset_;
    Call call;
    call.ids.push_back(id_);
    return connection_->ask<protocol::SealReply>(std::move(request), call,
                                                 [&](const protocol::SealReply&) -> Result<Object> {
                                                   if (!hold) return Object();
                                                   if (!call.taken.empty() && call.taken.front())
                                                     return *std::move(call.taken.front());
                                                   return nothing_there(id_, no_wait);  // removed by somebody at once
                                                 });
  }

  OwnConnection connection_;
  ObjectId id_;
  std::uint64_t offset_;
  std::uint32_t epoch_;
  bool kept_ = false;  // abort_and_keep() was called
};

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

/// After a successful cancel the daemon is told to stop waiting; its answer finds nobody.
AsyncHandle cancelling(const std::shared_ptr<Connection>& connection, Completions::Ticket ticket,
                       std::uint64_t number) {
  return AsyncHandle([weak = std::weak_ptr(connection), ticket, number] {
    const auto here = weak.lock();
    if (here == nullptr || !here->completions().cancel(ticket)) return false;
    if (number != 0 && !here->inherited()) here->exchange().post_cancel(number);
    return true;
  });
}

AsyncHandle answered_at_once(const std::shared_ptr<Connection>& connection, Completions::Ticket ticket,
                             std::function<void()> callback) {
  connection->completions().push(ticket, std::move(callback));
  return cancelling(connection, ticket, 0);
}

}  // namespace

protocol::CreateRequestT create_request(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  protocol::CreateRequestT request;
  request.object = to_wire(id, size, options);
  request.timeout_ns = to_wire(options.timeout);
  return request;
}

Result<ObjectBuilder> remote_builder(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                     std::uint64_t offset, std::uint32_t epoch, std::uint64_t size,
                                     std::span<const std::byte> metadata) {
  const std::span<std::byte> bytes = connection->attachment().writable_bytes(offset, size + metadata.size());
  if (bytes.size() != size + metadata.size())
    return Error{Errc::protocol_error, "the daemon gave an extent outside the arena"};
  if (!metadata.empty()) std::memcpy(bytes.data() + size, metadata.data(), metadata.size());
  try {
    return ObjectBuilder(id, bytes.first(size), std::make_unique<RemoteBuilder>(connection, id, offset, epoch));
  } catch (const std::bad_alloc&) {
    const LentExtent given_back(connection, id, offset, epoch);
    throw;
  }
}

Result<void> wait_for_missing(Connection& connection, std::span<const ObjectId> ids,
                              std::span<const std::size_t> missing, Timeout timeout,
                              std::vector<std::optional<Object>>& out) {
  std::vector<std::size_t> open(missing.begin(), missing.end());
  const TimeNs deadline = deadline_of(timeout, shm::monotonic_now());
  const protocol::Deadline give_up = give_up_after(timeout);
  for (bool expired = false; !open.empty() && !expired;) {
    std::vector<std::size_t> still_open;
    for (std::size_t begin = 0; begin < open.size(); begin += kWaitBatch) {
      const auto batch = std::span(open).subspan(begin, std::min(kWaitBatch, open.size() - begin));
      protocol::GetRequestT request;
      request.timeout_ns = remaining(deadline);
      const auto call = std::make_shared<Call>();
      for (const std::size_t i : batch) {
        request.ids.push_back(protocol::to_wire(ids[i]));
        call->ids.push_back(ids[i]);
      }
      const bool asked_in_vain = request.timeout_ns == 0;
      const Result<bool> answered = connection.ask_until<protocol::GetReply>(give_up, std::move(request), call);
      if (!answered) return answered.error();
      if (!*answered) return {};
      expired = expired || asked_in_vain;
      call->taken.resize(batch.size());
      for (std::size_t k = 0; k < batch.size(); ++k) {
        if (call->taken[k]) {
          connection.attachment().record_hit(*call->taken[k]);
          out[batch[k]] = std::move(call->taken[k]);
        } else {
          still_open.push_back(batch[k]);  // not there, or removed before it could be taken
        }
      }
    }
    open = std::move(still_open);
    expired = expired || remaining(deadline) == 0;
  }
  return {};
}

protocol::Deadline give_up_after(Timeout timeout) {
  if (timeout.is_no_wait()) return protocol::kNoDeadline;
  return std::min(protocol::deadline_after(timeout), protocol::kNoDeadline - kAnswerGrace) + kAnswerGrace;
}

Result<ObjectMetadata> remote_metadata(Connection& connection, const ObjectId& id) {
  protocol::MetadataRequestT request;
  request.id = protocol::to_wire_pointer(id);
  return connection.ask<protocol::MetadataReply>(std::move(request), [](const protocol::MetadataReply& reply) {
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
  Attachment::Attempt attempt = attachment.hold(id, Attachment::Count::hit);  // gone: what is asked below hears of it
  if (attempt.verdict == Attachment::Verdict::held)
    return answered_at_once(connection, ticket,
                            [callback, object = std::move(attempt.object)] { (*callback)(object); });
  auto call = std::make_shared<Call>();
  call->ids.push_back(id);
  // The connection outlives its calls; it is not kept alive by them.
  call->on_answer = [here = connection.get(), ticket, id, timeout, callback](Call& answer) {
    const auto reply = answer.reply<protocol::GetReply>();
    Result<Object> result = reply ? nothing_there(id, timeout) : reply.error();
    if (reply && !answer.taken.empty() && answer.taken.front()) {
      here->attachment().record_hit(*answer.taken.front());
      result = *std::move(answer.taken.front());
    } else if (reply) {
      here->attachment().record_miss();
    }
    here->completions().push(ticket, [callback, result = std::move(result)] { (*callback)(result); });
  };
  protocol::GetRequestT request;
  request.ids.push_back(protocol::to_wire(id));
  request.timeout_ns = to_wire(timeout);
  const Result<std::uint64_t> number = connection->exchange().begin(std::move(request), call);
  if (!number) return answered_at_once(connection, ticket, [callback, error = number.error()] { (*callback)(error); });
  return cancelling(connection, ticket, *number);
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
    if (strong == nullptr) return;  // and with it all that it was given
    // Where nobody takes it (the operation was cancelled, the client is going), it goes back.
    const auto extent = std::make_shared<LentExtent>(strong, id, (*reply)->offset(), answer.epoch);
    here->completions().push(ticket,
                             [callback, extent, size, metadata] { (*callback)(builder_of(*extent, size, metadata)); });
  };
  const Result<std::uint64_t> number = connection->exchange().begin(create_request(id, size, options), call);
  if (!number) return answered_at_once(connection, ticket, [callback, error = number.error()] { (*callback)(error); });
  return cancelling(connection, ticket, *number);
}

AsyncHandle remote_answer(const std::shared_ptr<Connection>& connection, std::function<void()> callback) {
  const auto kept = std::make_shared<const std::function<void()>>(std::move(callback));
  const Completions::Ticket ticket = connection->completions().begin(kept);
  return answered_at_once(connection, ticket, [run = kept.get()] { (*run)(); });
}

}  // namespace dolium::detail
