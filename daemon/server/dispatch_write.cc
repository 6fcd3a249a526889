// The write path: create, write, seal. See dispatch.h.

#include <algorithm>

#include "daemon/server/dispatch.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

using namespace protocol;  // the messages; all other names are qualified
using shm::SlotIndex;
using shm::TimeNs;

namespace {

/// The object to create. The store checks everything but the lifetimes.
shm::NewObject to_object(const NewObject& wire) {
  return {.id = from_wire(*wire.id()),
          .data_size = wire.data_size(),
          .metadata_size = wire.metadata_size(),
          .type_tag = wire.type_tag(),
          .type_name = wire.type_name() == nullptr ? std::string_view() : wire.type_name()->string_view(),
          .pinned = wire.pinned(),
          .lifetimes = {from_ms(wire.time_to_live_ms()), from_ms(wire.time_to_idle_ms())},
          .label = wire.label() == nullptr ? std::string_view() : wire.label()->string_view(),
          .grace = grace_of(wire),
          .retention = from_wire(wire.retention())};
}

/// The largest number on the wire means none.
std::optional<std::uint64_t> offset_of(std::uint64_t wire) {
  return wire == UINT64_MAX ? std::nullopt : std::optional(wire);
}

std::vector<std::uint64_t> spared_by(const AbortRequest& request) {
  if (request.spared() == nullptr) return {};
  return {request.spared()->begin(), request.spared()->end()};
}

}  // namespace

void Dispatch::on(Session& session, Id id, const CreateRequest& request) {
  if (no_new_objects_) return session.reply_error(id, *no_new_objects_);
  const TimeNs now = shm::monotonic_now();
  const shm::ClientId client = session.client();
  auto done = [this, client, id](const Result<shm::Placement>& placed) {
    Session* creator = find_(client);
    if (creator == nullptr) return;  // the placed object is dropped with its client
    if (!placed) return creator->reply_error(id, placed.error());
    engine_.store().writing().lend(placed->slot);
    CreateReplyT reply;
    reply.offset = placed->offset;
    creator->reply(id, reply);
  };
  const shm::NewObject object = to_object(*request.object());
  if (request.timeout_ns() == 0)
    engine_.creates().add_for_disk({client, id}, object, now, std::move(done));
  else
    engine_.creates().add({client, id}, object, shm::deadline_after(now, request.timeout_ns()), now, std::move(done));
}

void Dispatch::on(Session& session, Id id, const SealRequest& request) {
  const Result<SlotIndex> slot = engine_.store().seal(session.client(), from_wire(*request.id()), shm::monotonic_now(),
                                                      offset_of(request.offset()));
  if (!slot) return session.reply_error(id, slot.error());
  SealReplyT reply;
  if (request.hold()) reply.grant = grant_one(session.client(), *slot);
  session.reply(id, reply);
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

std::uint64_t Dispatch::grant_one(shm::ClientId client, SlotIndex slot) {
  engine_.store().usage().hold(slot);
  return engine_.store().usage().grant(client, {slot});
}

}  // namespace dolium::daemon
