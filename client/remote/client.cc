#include <dolium/client.h>

#include <algorithm>
#include <utility>

#include "client/mapped/builder_backend.h"
#include "client/mapped/new_object.h"
#include "client/remote/connection.h"
#include "client/remote/remote_calls.h"
#include "client/remote/remote_puts.h"
#include "shm/types/stats_piece.h"

namespace dolium {

using detail::Attachment;
using detail::Call;

namespace {

/// Asks for one page after the other, until there is none. `take(reply)` may change `request` for the next.
template <class Reply, class Request, class Take>
Result<void> ask_pages(detail::Connection& connection, Request&& request, Take&& take) {
  do {
    const auto next = connection.ask<Reply>(request, [&](const Reply& reply) {
      take(reply);
      return Result<decltype(request.cursor)>(reply.next_cursor());
    });
    if (!next) return next.error();
    request.cursor = *next;
  } while (request.cursor != 0);
  return {};
}

}  // namespace

Result<std::shared_ptr<Client>> Client::connect(std::string_view socket_path, const ConnectOptions& options) {
  Result<std::shared_ptr<detail::Connection>> connection = detail::Connection::open(socket_path, options);
  if (!connection) return std::move(connection).error();
  return std::make_shared<Client>(*std::move(connection));
}

Client::Client(std::shared_ptr<detail::Connection> connection) : connection_(std::move(connection)) {}

Client::~Client() {
  if (!connection_->inherited()) {
    static_cast<void>(detail::give_back_lease(*connection_));
    connection_->see_off_last_words();
  }
  connection_->completions().discard_all();
}

bool Client::connected() const noexcept {
  return !connection_->inherited() && !connection_->attachment().gone_for_good();
}
Access Client::access() const noexcept {
  return connection_->access();
}
std::uint64_t Client::session_id() const noexcept {
  return connection_->session_id();
}

Result<void> Client::ping() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  return connection_->tell(protocol::PingRequestT());
}

// ---- writing ----

Result<ObjectBuilder> Client::do_create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  const auto request = detail::create_request(*connection_, id, size, options);
  if (!request) return request.error();
  return detail::ask_for_room(*connection_, options.timeout, [&] {
    Call call;
    return connection_->ask<protocol::CreateReply>(*request, call, [&](const protocol::CreateReply& reply) {
      return detail::remote_builder(connection_, id, reply.offset(), call.epoch, size, options.metadata);
    });
  });
}

Result<Object> Client::do_put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                              bool hold) {
  return detail::remote_put(*connection_, id, data, options, hold);
}

Result<void> Client::put_deferred(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options) {
  return detail::remote_put_deferred(*connection_, id, data, options);
}

Result<std::vector<PutFailure>> Client::flush() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  return detail::remote_flush(*connection_);
}

Result<std::vector<Result<void>>> Client::do_put_many(std::span<const PutItem> items) {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  std::vector<Result<void>> outcomes;
  outcomes.reserve(items.size());
  while (!items.empty()) {
    if (items.front().data.size() > kInlinePutLimit) {
      CreateOptions options = items.front().options;
      options.timeout = no_wait;
      outcomes.push_back(put(items.front().id, items.front().data, options));
      items = items.subspan(1);
      continue;
    }
    const auto large =
        std::ranges::find_if(items, [](const PutItem& item) { return item.data.size() > kInlinePutLimit; });
    const auto small = items.first(static_cast<std::size_t>(large - items.begin()));
    if (auto done = detail::remote_put_many(*connection_, small, outcomes); !done) return std::move(done).error();
    items = items.subspan(small.size());
  }
  return outcomes;
}

// ---- reading ----

Result<Object> Client::do_get(const ObjectId& id, Timeout timeout) {
  Attachment& attachment = connection_->attachment();
  if (attachment.inherited()) return attachment.inherited_by_fork();
  Attachment::Attempt attempt = attachment.hold(id, Attachment::Count::hit);
  if (attempt.verdict == Attachment::Verdict::held) return std::move(attempt.object);
  if (attempt.verdict == Attachment::Verdict::absent && timeout.is_no_wait() && !connection_->has_deferred()) {
    attachment.record_miss();
    return detail::nothing_there(id, timeout);
  }
  Result<std::vector<std::optional<Object>>> waited = do_get_many({&id, 1}, timeout);
  if (!waited) return std::move(waited).error();
  if (waited->front()) return *std::move(waited->front());
  return detail::nothing_there(id, timeout);
}

std::optional<Object> Client::do_try_get(const ObjectId& id) {
  Attachment& attachment = connection_->attachment();
  if (attachment.inherited()) return std::nullopt;
  Attachment::Attempt attempt = attachment.hold(id, Attachment::Count::hit);
  if (attempt.verdict != Attachment::Verdict::held) return std::nullopt;
  return std::move(attempt.object);
}

Result<std::vector<std::optional<Object>>> Client::do_get_many(std::span<const ObjectId> ids, Timeout timeout) {
  Attachment& attachment = connection_->attachment();
  if (attachment.inherited()) return attachment.inherited_by_fork();
  std::vector<std::optional<Object>> out(ids.size());
  std::vector<std::size_t> missing;
  bool undecided = connection_->has_deferred();  // what is not there may be one of ours that is under way
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Result<Attachment::Attempt> attempt = connection_->hold(ids[i]);
    if (!attempt) return std::move(attempt).error();
    undecided |= attempt->verdict == Attachment::Verdict::undecided;
    if (attempt->verdict == Attachment::Verdict::held)
      out[i] = std::move(attempt->object);
    else
      missing.push_back(i);
  }
  if (missing.empty()) return out;
  if (!timeout.is_no_wait() || undecided)
    if (auto waited = detail::wait_for_missing(*connection_, ids, missing, timeout, out); !waited)
      return std::move(waited).error();
  for (const std::size_t i : missing)
    if (!out[i]) attachment.record_miss();
  return out;
}

Result<bool> Client::do_exists(const ObjectId& id) {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  const std::optional<bool> there = connection_->attachment().exists(id);
  if (auto still = connection_->check_there(); !still) return still.error();
  if (there && *there) return true;
  if (there && !connection_->has_deferred()) return false;
  const Result<ObjectMetadata> found = do_metadata(id);
  if (found) return found->state == ObjectState::sealed;
  if (found.error().code == Errc::not_found) return false;
  return found.error();
}

Result<ObjectMetadata> Client::do_metadata(const ObjectId& id) {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  protocol::MetadataRequestT request;
  request.id = protocol::to_wire_pointer(id);
  return connection_->ask<protocol::MetadataReply>(std::move(request), [](const protocol::MetadataReply& reply) {
    return Result<ObjectMetadata>(protocol::from_wire(*reply.object()));
  });
}

// ---- keeping and letting go ----

Result<void> Client::do_pin(const ObjectId& id, bool pinned) {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  if (pinned) {
    protocol::PinRequestT request;
    request.id = protocol::to_wire_pointer(id);
    return connection_->tell(std::move(request));
  }
  protocol::UnpinRequestT request;
  request.id = protocol::to_wire_pointer(id);
  return connection_->tell(std::move(request));
}

Result<bool> Client::do_remove(const ObjectId& id) {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  protocol::RemoveRequestT request;
  request.id = protocol::to_wire_pointer(id);
  return connection_->ask<protocol::RemoveReply>(
      std::move(request), [](const protocol::RemoveReply& reply) { return Result<bool>(reply.removed()); });
}

Result<Evicted> Client::do_evict(std::uint64_t bytes) {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  // All that there is, once: others may be putting all the while.
  const std::uint64_t wanted = std::min(bytes, connection_->attachment().arena_bytes());
  Evicted evicted;
  for (bool more = true; more;) {
    protocol::EvictRequestT request;
    request.bytes = wanted - evicted.freed_bytes;
    const Result<void> asked = connection_->ask<protocol::EvictReply>(request, [&](const protocol::EvictReply& reply) {
      evicted.freed_bytes += reply.freed();
      evicted.object_bytes += reply.object_bytes();
      more = reply.more() && evicted.freed_bytes < wanted;
      return Result<void>();
    });
    if (!asked) return asked.error();
  }
  return evicted;
}

Result<void> Client::do_clear() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  protocol::ClearRequestT request;
  return ask_pages<protocol::ClearReply>(
      *connection_, request, [&request](const protocol::ClearReply& reply) { request.through = reply.through(); });
}

// ---- looking ----

Result<StoreStats> Client::do_stats() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  return shm::whole_stats([&](shm::SlotIndex cursor) {
    protocol::StatsRequestT request;
    request.cursor = cursor;
    return connection_->ask<protocol::StatsReply>(request, [](const protocol::StatsReply& reply) {
      shm::StatsPiece piece{protocol::from_wire(reply), reply.next_cursor()};
      const auto* walls = reply.walls();
      for (std::uint32_t i = 0; walls != nullptr && i + 1 < walls->size(); i += 2)
        piece.walls.add({walls->Get(i), walls->Get(i + 1)});
      return Result<shm::StatsPiece>(std::move(piece));
    });
  });
}

Result<std::vector<ObjectMetadata>> Client::do_list() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  std::vector<ObjectMetadata> out;
  const Result<void> asked =
      ask_pages<protocol::ListReply>(*connection_, protocol::ListRequestT(), [&out](const protocol::ListReply& reply) {
        if (reply.objects() == nullptr) return;
        for (const protocol::ObjectInfo* info : *reply.objects()) out.push_back(protocol::from_wire(*info));
      });
  return asked ? Result<std::vector<ObjectMetadata>>(std::move(out)) : asked.error();
}

Result<std::vector<ClientInfo>> Client::do_clients() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  std::vector<ClientInfo> out;
  const Result<void> asked = ask_pages<protocol::ClientsReply>(*connection_, protocol::ClientsRequestT(),
                                                               [&out](const protocol::ClientsReply& reply) {
                                                                 if (reply.clients() == nullptr) return;
                                                                 for (const protocol::ClientRow* row : *reply.clients())
                                                                   out.push_back(protocol::from_wire(*row));
                                                               });
  return asked ? Result<std::vector<ClientInfo>>(std::move(out)) : asked.error();
}

Result<Subscription> Client::do_subscribe() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  return detail::remote_subscription(connection_);
}

// ---- without blocking ----

AsyncHandle Client::do_get_async(const ObjectId& id, Timeout timeout, GetCallback done) {
  return detail::remote_get_async(connection_, id, timeout, std::move(done));
}

AsyncHandle Client::do_create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                    CreateCallback done) {
  if (!options.timeout.is_no_wait() && !connection_->inherited()) detail::give_back_lease(*connection_);
  return detail::remote_create_async(connection_, id, size, options, std::move(done));
}

int Client::do_event_fd() const {
  return connection_->event_fd();
}

Result<void> Client::do_process_events() {
  if (connection_->inherited()) return connection_->inherited_by_fork();
  const auto kept = connection_;  // a callback may drop the last reference to this client
  return kept->process_events();
}

}  // namespace dolium
