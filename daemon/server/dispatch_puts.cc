// Puts, of one object or many in a message: with their bytes, or of bytes that are in a lease already. See dispatch.h.

#include <cstring>
#include <vector>

#include "daemon/server/dispatch.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

using namespace protocol;  // the messages; all other names are qualified
using shm::SlotIndex;
using shm::TimeNs;

namespace {

using Heads = flatbuffers::Vector<const PutHead*>;

/// Size of its piece of a lease.
std::uint64_t taken_by(const PutHead& head) {
  return shm::Arena::taken_by(size_of(head));
}

/// Prefetches what several look-ups will read. For one look-up it would not pay.
void prefetch(shm::Store& store, const Heads& heads) {
  if (heads.size() < 2) return;
  std::vector<ObjectId> ids;
  ids.reserve(heads.size());
  for (const PutHead* head : heads) ids.push_back(from_wire(head->id()));
  store.sealed().prefetch(ids);
}

Error too_many() {
  return {Errc::protocol_error, "puts of more objects than one message may have"};
}

std::span<const PutHead> as_span(const Heads& heads) {
  return {reinterpret_cast<const PutHead*>(heads.Data()), heads.size()};
}

}  // namespace

void Dispatch::on(Session& session, Id id, const PutRequest& request) {
  const Heads& heads = *request.heads();
  if (heads.size() > protocol::kMaxPutsAtOnce) return session.misbehaved(too_many());
  std::uint64_t size = 0;  // no overflow: fewer heads than a frame has bytes, each below 2^34
  for (const PutHead* head : heads) size += size_of(*head);
  const std::span<const std::byte> bytes = from_wire(request.bytes());
  if (bytes.size() != size)
    return session.misbehaved({Errc::protocol_error, "puts whose sizes are not those of their bytes"});
  if ((request.hold() || request.timeout_ns() != 0) && (heads.size() != 1 || request.deferred()))
    return session.misbehaved({Errc::protocol_error, "a put that holds or waits, and is not a single one"});
  if (request.timeout_ns() != 0 && !no_new_objects_) return put_when_there_is_room(session, id, request);
  prefetch(engine_.store(), heads);
  if (heads.size() != 1 || request.deferred())
    return ordered_puts_.carry_out(
        session, {.request = id, .deferred = request.deferred(), .heads = as_span(heads), .bytes = bytes});
  const PutHead& head = *heads.Get(0);
  const auto data = bytes.first(head.data_size());
  const auto metadata = bytes.subspan(data.size(), head.metadata_size());
  const bool may_wait = head.data_size() <= kInlinePutLimit;
  const Result<SlotIndex> put = no_new_objects_
                                    ? *no_new_objects_
                                    : engine_.creates().put_now(session.client(), to_object(head, bytes), data,
                                                                metadata, shm::monotonic_now(), may_wait);
  if (!put && may_wait && engine_.creates().disk_may_help(size, put.error()))
    return put_when_there_is_room(session, id, request);
  PutReplyT reply;
  if (put && request.hold()) reply.grant = grant_one(session.client(), *put);
  if (!put) reply.failures.push_back(failure_of(0, put.error()));
  session.reply(id, reply);
}

/// Without a timeout it waits for the disk alone.
void Dispatch::put_when_there_is_room(Session& session, Id id, const PutRequest& request) {
  const PutHead& head = *request.heads()->Get(0);
  const std::span<const std::byte> bytes = from_wire(request.bytes());
  if (head.data_size() > kInlinePutLimit)  // its bytes are kept here as long as it waits
    return session.misbehaved({Errc::protocol_error, "a waiting put of more bytes than may be sent with it"});
  const shm::NewObject object = to_object(head, bytes);
  const auto written = bytes.first(object.data_size + object.metadata_size);
  const TimeNs now = shm::monotonic_now();
  const shm::ClientId client = session.client();
  auto done = [this, client, id, object_id = object.id, hold = request.hold(),
               kept = std::vector(written.begin(), written.end())](const Result<shm::Placement>& placed) {
    Session* creator = find_(client);
    if (creator == nullptr) return;  // the placed object goes with its client
    if (placed && !kept.empty())
      std::memcpy(engine_.store().rows().bytes(placed->slot).data(), kept.data(), kept.size());
    const Result<SlotIndex> put =
        placed ? engine_.store().seal(client, object_id, shm::monotonic_now()) : Result<SlotIndex>(placed.error());
    PutReplyT reply;
    if (!put) reply.failures.push_back(failure_of(0, put.error()));
    if (put && hold) reply.grant = grant_one(client, *put);
    creator->reply(id, reply);
  };
  if (request.timeout_ns() == 0)
    engine_.creates().add_for_disk({client, id}, object, now, std::move(done));
  else
    engine_.creates().add({client, id}, object, shm::deadline_after(now, request.timeout_ns()), now, std::move(done));
}

void Dispatch::on(Session& session, Id id, const LeaseRequest& request) {
  if (no_new_objects_) return session.reply_error(id, *no_new_objects_);
  if (request.bytes() == 0 || request.bytes() > kMaxLease || request.bytes() % shm::kUnitBytes != 0)
    return session.misbehaved({Errc::protocol_error, "a lease of a size that no lease has"});
  if (request.recall() > shm::kLeaseWords)
    return session.misbehaved({Errc::protocol_error, "a lease under a word that a pin table has not"});
  const auto recall = request.recall() == 0 ? std::nullopt : std::optional<std::uint32_t>(request.recall() - 1);
  const Result<shm::Placement> placed = engine_.store().leases().lease(session.client(), from_wire(*request.id()),
                                                                       request.bytes(), shm::monotonic_now(), recall);
  if (!placed) return session.reply_error(id, placed.error());
  CreateReplyT reply;
  reply.offset = placed->offset;
  session.reply(id, reply);
}

void Dispatch::on(Session& session, Id id, const PutLeasedRequest& request) {
  const Heads& heads = *request.heads();
  if (heads.size() > protocol::kMaxPutsAtOnce) return session.misbehaved(too_many());
  const Result<SlotIndex> lease = engine_.store().leases().find(session.client(), from_wire(*request.lease()));
  std::uint64_t taken = 0;  // no overflow: as above
  for (const PutHead* head : heads) taken += taken_by(*head);
  if (lease && (request.left() != engine_.store().leases().bytes(*lease).size() || taken > request.left()))
    return session.misbehaved({Errc::protocol_error, "puts of bytes that are not at the end of their lease"});
  prefetch(engine_.store(), heads);
  ordered_puts_.carry_out(
      session,
      {.request = id, .deferred = request.deferred(), .lease = from_wire(*request.lease()), .heads = as_span(heads)});
}

}  // namespace dolium::daemon
