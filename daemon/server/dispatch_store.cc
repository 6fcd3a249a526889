// Requests about the store, and about objects that are there: what is asked for rarely. See dispatch.h.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/server/dispatch.h"
#include "protocol/convert.h"
#include "protocol/peer.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

using namespace protocol;  // the messages; all other names are qualified
using shm::TimeNs;

namespace {

/// Maximum number of subscriptions of one client.
constexpr std::size_t kMaxSubscriptions = 64;

shm::Moment moment(TimeNs now) {
  return {now, std::chrono::system_clock::now()};
}

}  // namespace

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

}  // namespace dolium::daemon
