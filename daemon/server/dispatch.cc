#include "daemon/server/dispatch.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/convert.h"
#include "protocol/verbs.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

using namespace protocol;  // the messages; all other names are qualified
using shm::TimeNs;

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
