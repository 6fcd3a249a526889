// The handlers of requests that wait for objects. See dispatch.h.

#include <fmt/format.h>

#include <memory>

#include "daemon/server/dispatch.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

using namespace protocol;  // the messages; all other names are qualified
using shm::kNoSlot;
using shm::SlotIndex;
using shm::TimeNs;

std::vector<ObjectId> ids_of(const flatbuffers::Vector<const protocol::Id*>& wire) {
  std::vector<ObjectId> ids;
  ids.reserve(wire.size());
  for (const protocol::Id* each : wire) ids.push_back(from_wire(*each));
  return ids;
}

Place place_of(const shm::Rows& rows, SlotIndex slot) {
  const shm::SlotFields object = rows.fields(slot);
  return {slot, object.metadata_size, object.offset, object.data_size, object.type_tag};
}

}  // namespace

bool Dispatch::may_wait(Session& session, Id id, std::size_t ids) const {
  using shm::GetWaits;
  if (ids > GetWaits::kMaxIds) {
    session.reply_error(id, {Errc::invalid_argument,
                             fmt::format("one get may name {} ids, not {}: ask in parts", GetWaits::kMaxIds, ids)});
    return false;
  }
  if (engine_.gets().may_wait(session.client(), ids)) return true;
  session.reply_error(
      id, {Errc::out_of_memory,
           fmt::format("this client has {} gets waiting; {} may wait, for {} ids in all: wait for "
                       "their answers, or cancel some",
                       engine_.gets().count(session.client()), GetWaits::kMaxPerClient, GetWaits::kMaxIdsPerClient)});
  return false;
}

void Dispatch::on(Session& session, Id id, const GetRequest& request) {
  const shm::ClientId client = session.client();
  const std::size_t ids = request.ids()->size();
  if (request.count() > ids) {
    session.misbehaved({Errc::protocol_error, fmt::format("a get of {} of {} objects", request.count(), ids)});
    return;
  }
  if (!may_wait(session, id, ids)) return;
  const TimeNs now = shm::monotonic_now();
  engine_.gets().add(
      {client, id}, ids_of(*request.ids()), request.count() == 0 ? ids : request.count(),
      shm::deadline_after(now, request.timeout_ns()), now,
      [this, client, id](std::vector<SlotIndex> held) {
        GetReplyT reply;
        reply.found.reserve(held.size());
        for (const SlotIndex slot : held) reply.found.push_back(slot != kNoSlot);
        std::erase(held, kNoSlot);
        reply.places.reserve(held.size());
        for (const SlotIndex slot : held) reply.places.push_back(place_of(engine_.store().rows(), slot));
        reply.succession = engine_.store().rows().index.successions();
        if (!held.empty()) reply.grant = engine_.store().usage().grant(client, std::move(held));
        if (Session* waiter = find_(client)) waiter->reply(id, reply);
      },
      [this, client, id](const Error& error) {
        if (Session* waiter = find_(client)) waiter->reply_error(id, error);
      });
}

void Dispatch::on(Session& session, Id id, const TakeRequest& request) {
  const shm::ClientId client = session.client();
  if (!may_wait(session, id, 1)) return;
  const TimeNs now = shm::monotonic_now();
  engine_.gets().add_take({client, id}, from_wire(*request.id()), request.type_tag(),
                          shm::deadline_after(now, request.timeout_ns()), now,
                          [this, client, id](const Result<SlotIndex>& taken) {
                            TakeReplyT reply;
                            if (taken && *taken != kNoSlot) {
                              reply.place = std::make_unique<Place>(place_of(engine_.store().rows(), *taken));
                              reply.succession = engine_.store().rows().index.successions();
                              reply.grant = engine_.store().usage().grant(client, {*taken});
                            }
                            Session* const taker = find_(client);
                            if (taker == nullptr) return;
                            if (taken)
                              taker->reply(id, reply);
                            else
                              taker->reply_error(id, taken.error());
                          });
}

void Dispatch::on(Session& session, Id id, const WaitRequest& request) {
  const shm::ClientId client = session.client();
  const std::size_t ids = request.ids()->size();
  if (request.count() == 0 || request.count() > ids) {
    session.misbehaved({Errc::protocol_error, fmt::format("a wait for {} of {} objects", request.count(), ids)});
    return;
  }
  if (!may_wait(session, id, ids)) return;
  const TimeNs now = shm::monotonic_now();
  engine_.gets().add_presence({client, id}, ids_of(*request.ids()), request.count(),
                              shm::deadline_after(now, request.timeout_ns()), now,
                              [this, client, id](const std::vector<bool>& there) {
                                WaitReplyT reply;
                                reply.found = there;
                                if (Session* waiter = find_(client)) waiter->reply(id, reply);
                              });
}

void Dispatch::on(Session& session, Id, const CancelRequest& request) {
  engine_.cancel({session.client(), request.request_id()}, shm::monotonic_now());
}

}  // namespace dolium::daemon
