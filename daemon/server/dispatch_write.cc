// Create, seal, abort, and put, which is create, write and seal in one message. See dispatch.h.

#include <cstring>

#include "daemon/server/dispatch.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

using namespace protocol;  // the messages; all other names are qualified
using shm::SlotIndex;
using shm::TimeNs;

namespace {

/// The object to create. The store checks everything but the times.
shm::NewObject to_object(const NewObject& wire) {
  return {.id = from_wire(*wire.id()),
          .data_size = wire.data_size(),
          .metadata_size = wire.metadata_size(),
          .type_tag = wire.type_tag(),
          .type_name = wire.type_name() == nullptr ? std::string_view() : wire.type_name()->string_view(),
          .pinned = wire.pinned(),
          .lifetimes = {from_ms(wire.time_to_live_ms()), from_ms(wire.time_to_idle_ms())}};
}

/// The largest number on the wire means none.
std::optional<std::uint64_t> offset_of(std::uint64_t wire) {
  return wire == UINT64_MAX ? std::nullopt : std::optional(wire);
}

std::vector<std::uint64_t> spared_by(const AbortRequest& request) {
  if (request.spared() == nullptr) return {};
  return {request.spared()->begin(), request.spared()->end()};
}

Error other_bytes() {
  return {Errc::protocol_error, "a put whose sizes are not those of its bytes"};
}

}  // namespace

void Dispatch::on(Session& session, Id id, const CreateRequest& request) {
  if (request.lease()) return lease(session, id, request);
  const TimeNs now = shm::monotonic_now();
  const shm::ClientId client = session.client();
  engine_.creates().add({client, id}, to_object(*request.object()), shm::deadline_after(now, request.timeout_ns()), now,
                        [this, client, id](Result<shm::Placement> placed) {
                          Session* creator = find_(client);
                          if (creator == nullptr) return;  // the placed object is dropped with its client
                          if (!placed) return creator->reply_error(id, placed.error());
                          engine_.store().writing().lend(placed->slot);
                          CreateReplyT reply;
                          reply.offset = placed->offset;
                          creator->reply(id, std::move(reply));
                        });
}

void Dispatch::on(Session& session, Id id, const SealRequest& request) {
  const Result<SlotIndex> slot = engine_.store().seal(session.client(), from_wire(*request.id()), shm::monotonic_now(),
                                                      offset_of(request.offset()));
  if (!slot) return session.reply_error(id, slot.error());
  SealReplyT reply;
  if (request.hold()) {
    engine_.store().usage().hold(*slot);
    reply.grant = engine_.store().usage().grant(session.client(), {*slot});
  }
  session.reply(id, std::move(reply));
}

void Dispatch::on(Session& session, Id id, const AbortRequest& request) {
  shm::Store& store = engine_.store();
  const ObjectId object = from_wire(*request.id());
  const std::optional<std::uint64_t> offset = offset_of(request.offset());
  if (request.keep()) {
    const Result<std::uint64_t> kept = store.writing().abort_and_keep(session.client(), object, offset);
    return session.reply_outcome(id, kept ? Result<void>() : Result<void>(kept.error()));
  }
  Result<void> aborted = Error{Errc::not_found, {}};
  if (!request.abandoned()) aborted = store.abort(session.client(), object, offset);
  // A server may have died since the client looked: then the object is abandoned, without the client knowing.
  const bool elsewhere = !aborted && aborted.error().code == Errc::not_found && (request.abandoned() || offset);
  if (elsewhere) aborted = store.writing().give_up_abandoned(session.client(), object, offset, spared_by(request));
  session.reply_outcome(id, aborted);
}

void Dispatch::on(Session& session, Id id, const PutRequest& request) {
  const auto data = from_wire(request.data());
  const auto metadata = from_wire(request.metadata());
  if (data.size() != request.object()->data_size() || metadata.size() != request.object()->metadata_size())
    return session.misbehaved(other_bytes());
  const TimeNs now = shm::monotonic_now();
  const shm::ClientId client = session.client();
  if (request.timeout_ns() == 0) return answer_put(session, id, put_now(client, request, now), request.hold());
  if (data.size() > kInlinePutLimit)  // they are kept in this process while the put waits
    return session.misbehaved({Errc::protocol_error, "a waiting put of more bytes than may be sent with it"});
  const shm::NewObject object = to_object(*request.object());
  // A copy: the frame's bytes are gone when the wait ends.
  std::vector<std::byte> kept(data.begin(), data.end());
  kept.insert(kept.end(), metadata.begin(), metadata.end());
  engine_.creates().add({client, id}, object, shm::deadline_after(now, request.timeout_ns()), now,
                        [this, client, id, object_id = object.id, hold = request.hold(),
                         kept = std::move(kept)](const Result<shm::Placement>& placed) {
                          Session* creator = find_(client);
                          if (creator == nullptr) return;  // the placed object is dropped with its client
                          if (!placed) return creator->reply_error(id, placed.error());
                          if (!kept.empty())
                            std::memcpy(engine_.store().rows().bytes(placed->slot).data(), kept.data(), kept.size());
                          answer_put(*creator, id, engine_.store().seal(client, object_id, shm::monotonic_now()), hold);
                        });
}

void Dispatch::answer_put(Session& session, Id id, const Result<SlotIndex>& put, bool hold) {
  if (!put) return session.reply_error(id, put.error());
  PutReplyT reply;
  if (hold) {
    engine_.store().usage().hold(*put);
    reply.grant = engine_.store().usage().grant(session.client(), {*put});
  }
  session.reply(id, std::move(reply));
}

void Dispatch::on(Session& session, const PutDeferredRequest& request) {
  const Result<SlotIndex> put = put_now(session.client(), *request.put(), shm::monotonic_now());
  if (!put) notify(session, *request.put()->object()->id(), put.error());
}

void Dispatch::notify(Session& session, const protocol::Id& object, const Error& error) {
  PutFailedNoticeT notice;
  notice.id = std::make_unique<protocol::Id>(object);
  notice.code = static_cast<ErrorCode>(error.code);
  notice.message = error.message;
  notice.cause = static_cast<protocol::RefusalCause>(error.cause);
  session.reply(0, std::move(notice));
}

Result<SlotIndex> Dispatch::put_now(shm::ClientId client, const PutRequest& request, TimeNs now) {
  const shm::NewObject object = to_object(*request.object());
  const auto data = from_wire(request.data());
  const auto metadata = from_wire(request.metadata());
  if (data.size() != object.data_size || metadata.size() != object.metadata_size) return other_bytes();
  return engine_.creates().put_now(client, object, data, metadata, now);
}

}  // namespace dolium::daemon
