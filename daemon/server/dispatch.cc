#include "daemon/server/dispatch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/convert.h"
#include "protocol/peer.h"
#include "protocol/verbs.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

using namespace protocol;  // the messages; all other names are qualified
using shm::TimeNs;

/// Maximum number of subscriptions of one client.
constexpr std::size_t kMaxSubscriptions = 64;

shm::Moment moment(TimeNs now) {
  return {now, std::chrono::system_clock::now()};
}

/// The request as users know it: "extend_grace" for an ExtendGraceRequest.
std::string name_of(RequestBody verb) {
  if (verb == RequestBody::LeaseRequest || verb == RequestBody::PutLeasedRequest) return "put_deferred";
  std::string name;
  for (const char c : std::string_view(EnumNameRequestBody(verb))) {
    const bool begins_a_word = c >= 'A' && c <= 'Z';
    if (begins_a_word && !name.empty()) name += '_';
    name += begins_a_word ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name.substr(0, name.rfind('_'));  // without "_request"
}

Error needs_write_access(RequestBody verb) {
  return {Errc::permission_denied, fmt::format("{} needs a client that may write; this one is connected for reading "
                                               "only: connect with ConnectOptions::access read_write",
                                               name_of(verb))};
}

}  // namespace

void Dispatch::handle(Session& session, const RequestFrame& frame) {
  const Id id = frame.request_id();
  const RequestBody verb = frame.body_type();
  const bool greets = verb == RequestBody::HelloRequest;
  const bool adopts = verb == RequestBody::AdoptRequest;
  if (greets != (session.state() == Session::State::greeting) ||
      adopts != (session.state() == Session::State::unadopted) || id == 0) {
    session.misbehaved({Errc::protocol_error, greets   ? "a second HelloRequest"
                                              : adopts ? "an AdoptRequest where there is nothing to adopt"
                                                       : "a request before HelloRequest or AdoptRequest, or one "
                                                         "numbered 0"});
    return;
  }
  if (session.is_open() && is_waiting({session.client(), id})) {
    session.misbehaved({Errc::protocol_error, fmt::format("request_id {} is in use", id)});
    return;
  }
  if (session.is_open() && session.access() == Access::read_only && verb_of(verb).writes)
    return session.reply_error(id, needs_write_access(verb));
  switch (verb) {
    case RequestBody::NONE: return;  // decode() refuses it
    case RequestBody::HelloRequest: return handshake_.hello(session, id, *frame.body_as_HelloRequest());
    case RequestBody::AdoptRequest: return handshake_.adopt(session, *frame.body_as_AdoptRequest());
    case RequestBody::LeaveRequest: return session.hear_no_more();
    case RequestBody::CreateRequest: return on(session, id, *frame.body_as_CreateRequest());
    case RequestBody::LeaseRequest: return on(session, id, *frame.body_as_LeaseRequest());
    case RequestBody::SealRequest: return on(session, id, *frame.body_as_SealRequest());
    case RequestBody::AbortRequest: return on(session, id, *frame.body_as_AbortRequest());
    case RequestBody::PutRequest: return on(session, id, *frame.body_as_PutRequest());
    case RequestBody::PutLeasedRequest: return on(session, id, *frame.body_as_PutLeasedRequest());
    case RequestBody::GetRequest: return on(session, id, *frame.body_as_GetRequest());
    case RequestBody::WaitRequest: return on(session, id, *frame.body_as_WaitRequest());
    case RequestBody::TakeRequest: return on(session, id, *frame.body_as_TakeRequest());
    case RequestBody::CancelRequest: return on(session, id, *frame.body_as_CancelRequest());
    case RequestBody::MetadataRequest: return on(session, id, *frame.body_as_MetadataRequest());
    case RequestBody::ListRequest: return on(session, id, *frame.body_as_ListRequest());
    case RequestBody::PinRequest: return on(session, id, *frame.body_as_PinRequest());
    case RequestBody::UnpinRequest: return on(session, id, *frame.body_as_UnpinRequest());
    case RequestBody::ExtendGraceRequest: return on(session, id, *frame.body_as_ExtendGraceRequest());
    case RequestBody::RemoveRequest: return on(session, id, *frame.body_as_RemoveRequest());
    case RequestBody::EvictRequest: return on(session, id, *frame.body_as_EvictRequest());
    case RequestBody::ClearRequest: return on(session, id, *frame.body_as_ClearRequest());
    case RequestBody::StatsRequest: return on(session, id, *frame.body_as_StatsRequest());
    case RequestBody::ClientsRequest: return on(session, id, *frame.body_as_ClientsRequest());
    case RequestBody::PingRequest: return on(session, id, *frame.body_as_PingRequest());
    case RequestBody::SubscribeRequest: return on(session, id, *frame.body_as_SubscribeRequest());
    case RequestBody::UnsubscribeRequest: return on(session, id, *frame.body_as_UnsubscribeRequest());
    case RequestBody::ReplaceRequest: return on(session, id, *frame.body_as_ReplaceRequest());
    case RequestBody::TrimRequest: return on(session, id, *frame.body_as_TrimRequest());
    case RequestBody::SpillOrderRequest: return on(session, id, *frame.body_as_SpillOrderRequest());
    case RequestBody::ForgetSpilledRequest: return on(session, id, *frame.body_as_ForgetSpilledRequest());
    case RequestBody::TierHelloRequest:
    case RequestBody::TierCatalogueRequest:
    case RequestBody::TierWriteDoneRequest:
    case RequestBody::TierReadDoneRequest:
    case RequestBody::TierStateRequest:
    case RequestBody::TierOrderDoneRequest: return on_tier(session, id, frame);
  }
}

bool Dispatch::is_waiting(const shm::WaitKey& key) const {
  if (engine_.gets().contains(key) || engine_.creates().contains(key)) return true;
  if (tier_ != nullptr && tier_->evictions().contains(key)) return true;
  const auto mine = subscriptions_.find(key.client);
  return mine != subscriptions_.end() && std::ranges::find(mine->second, key.number) != mine->second.end();
}

// ---- objects ----

void Dispatch::on(Session& session, Id id, const MetadataRequest& request) {
  const Result<ObjectMetadata> found = engine_.metadata(from_wire(*request.id()), moment(shm::monotonic_now()));
  if (!found) return session.reply_error(id, found.error());
  MetadataReplyT reply;
  reply.object = to_wire(*found);
  session.reply(id, reply);
}

void Dispatch::on(Session& session, Id id, const ListRequest& request) {
  std::vector<ObjectMetadata> page;
  ListReplyT reply;
  reply.next_cursor =
      engine_.store().report().list(request.cursor(), moment(shm::monotonic_now()), page, from_wire(request));
  reply.objects.reserve(page.size());
  for (const ObjectMetadata& object : page) reply.objects.push_back(to_wire(object));
  session.reply(id, reply);
}

void Dispatch::on(Session& session, Id id, const PinRequest& request) {
  const ObjectId object = from_wire(*request.id());
  in_memory(session, id, object, [this, client = session.client(), object] {
    return engine_.store().pin(client, object, shm::monotonic_now());
  });
}

void Dispatch::on(Session& session, Id id, const UnpinRequest& request) {
  session.reply_outcome(id, engine_.store().unpin(from_wire(*request.id()), shm::monotonic_now()));
}

void Dispatch::on(Session& session, Id id, const ExtendGraceRequest& request) {
  const shm::Grace grace = {.duration = from_ms(request.grace_ms()), .readers = request.readers()};
  const ObjectId object = from_wire(*request.id());
  in_memory(session, id, object, [this, client = session.client(), object, grace] {
    return engine_.store().extend_grace(client, object, grace, shm::monotonic_now());
  });
}

void Dispatch::on(Session& session, Id id, const RemoveRequest& request) {
  const ObjectId object = from_wire(*request.id());
  const TimeNs now = shm::monotonic_now();
  const Result<bool> removed = request.seal_stamp() == 0
                                   ? engine_.store().remove(object, now)
                                   : engine_.store().remove_sealed_at(object, request.seal_stamp(), now);
  if (!removed) return session.reply_error(id, removed.error());
  RemoveReplyT reply;
  reply.removed = *removed;
  session.reply(id, reply);
}

/// What is dirty is written first: then the reply waits for the disk.
void Dispatch::on(Session& session, Id id, const EvictRequest& request) {
  const TimeNs now = shm::monotonic_now();
  const auto done = [this, client = session.client(), id](const shm::Room::Evicted& evicted) {
    EvictReplyT reply;
    reply.freed = evicted.bytes;
    reply.object_bytes = evicted.object_bytes;
    reply.more = evicted.more;
    if (Session* asker = find_(client)) asker->reply(id, reply);
  };
  const shm::Room::Evicted evicted = engine_.store().room().evict_piece(request.bytes(), now);
  if (evicted.bytes >= request.bytes() || evicted.more || !disk_makes_room()) return done(evicted);
  tier_->evictions().add({session.client(), id}, request.bytes(), evicted, now, done);
}

void Dispatch::on(Session& session, Id id, const TrimRequest&) {
  const Result<shm::Room::Trimmed> trimmed = engine_.store().room().trim_piece();
  if (!trimmed) return session.reply_error(id, trimmed.error());
  TrimReplyT reply;
  reply.given_back = trimmed->bytes;
  reply.more = trimmed->more;
  session.reply(id, reply);
}

void Dispatch::on(Session& session, Id id, const ClearRequest& request) {
  ClearReplyT reply;
  reply.through = request.cursor() == 0 ? engine_.store().rows().last_seal : request.through();
  reply.next_cursor = engine_.store().clear(shm::monotonic_now(), request.cursor(), reply.through);
  session.reply(id, reply);
}

// ---- the store ----

void Dispatch::on(Session& session, Id id, const StatsRequest& request) {
  auto [stats, next, walls] = engine_.stats(shm::monotonic_now(), request.cursor());
  stats.server_pid = ::getpid();
  stats.pid_namespace = protocol::own_pid_namespace();
  stats.server_version = DOLIUM_VERSION;
  if (tier_ != nullptr) stats.tier = tier_->report(shm::monotonic_now());
  StatsReplyT reply = to_wire(stats);
  reply.next_cursor = next;
  for (const shm::Wall& wall : walls.joined()) reply.walls.insert(reply.walls.end(), {wall.begin, wall.end});
  session.reply(id, reply);
}

void Dispatch::on(Session& session, Id id, const ClientsRequest& request) {
  ClientsReplyT reply;
  const ClientsPage page = describe_(request.cursor());
  reply.next_cursor = page.next;
  for (const ClientInfo& client : page.clients) reply.clients.push_back(to_wire(client));
  session.reply(id, reply);
}

void Dispatch::on(Session& session, Id id, const ReplaceRequest& request) {
  if (auto asked = replace_(session, id, request); !asked) session.reply_error(id, asked.error());
}

void Dispatch::on(Session& session, Id id, const PingRequest&) {
  session.reply_outcome(id, {});
}

// ---- events ----

void Dispatch::on(Session& session, Id id, const SubscribeRequest&) {
  const shm::ClientId client = session.client();
  std::vector<Id>& mine = subscriptions_[client];
  if (mine.size() >= kMaxSubscriptions)
    return session.reply_error(
        id,
        {Errc::out_of_memory, fmt::format("one client may have {} subscriptions: end one first", kMaxSubscriptions)});
  mine.push_back(id);
  session.reply_outcome(id, {});
  engine_.subscribe({client, id}, [this, client] {
    if (Session* subscriber = find_(client)) subscriber->mark_dirty();
  });
}

void Dispatch::on(Session& session, Id id, const UnsubscribeRequest& request) {
  engine_.unsubscribe({session.client(), request.subscription()});
  std::erase(subscriptions_[session.client()], request.subscription());
  session.reply_outcome(id, {});
}

bool Dispatch::send_events(Session& session) {
  const auto mine = subscriptions_.find(session.client());
  if (mine == subscriptions_.end()) return false;
  bool more = false;
  for (const Id id : mine->second) {
    const shm::WaitKey key{session.client(), id};
    while (session.is_open() && session.wire().has_room_for_events() && engine_.has_events(key)) {
      EventNoticeT notice;
      for (const Event& event : engine_.take_events(key, kEventsPerNotice)) notice.events.push_back(to_wire(event));
      session.reply(id, notice);
    }
    more = more || engine_.has_events(key);
  }
  return more;
}

}  // namespace dolium::daemon
