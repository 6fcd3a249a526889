#pragma once
// Verbs: one compile-time record for each request of messages.fbs. Client and daemon read the same records. A request
// without a record is a compile error.

#include <array>
#include <cstddef>

#include "messages_generated.h"

namespace dolium::protocol {

struct Verb {
  RequestBody request;
  ReplyBody reply = ReplyBody::NONE;  ///< when it succeeds; NONE: there is no reply
  bool writes = false;                ///< changes the store: only for a client that may write
  bool repeatable = false;            ///< idempotent: after a server's death the client asks the next server again
  bool waits = false;                 ///< has a timeout_ns, and may be answered when that has passed
};

/// In the order of RequestBody.
inline constexpr std::array kVerbs{
    Verb{.request = RequestBody::HelloRequest, .reply = ReplyBody::HelloReply},
    Verb{.request = RequestBody::CreateRequest, .reply = ReplyBody::CreateReply, .writes = true, .waits = true},
    Verb{.request = RequestBody::LeaseRequest, .reply = ReplyBody::CreateReply, .writes = true},
    Verb{.request = RequestBody::SealRequest, .reply = ReplyBody::SealReply, .writes = true},
    Verb{.request = RequestBody::AbortRequest, .reply = ReplyBody::DoneReply, .writes = true, .repeatable = true},
    Verb{.request = RequestBody::PutRequest, .reply = ReplyBody::PutReply, .writes = true, .waits = true},
    Verb{.request = RequestBody::PutLeasedRequest, .reply = ReplyBody::PutReply, .writes = true},
    Verb{.request = RequestBody::GetRequest, .reply = ReplyBody::GetReply, .repeatable = true, .waits = true},
    Verb{.request = RequestBody::CancelRequest},
    Verb{.request = RequestBody::MetadataRequest, .reply = ReplyBody::MetadataReply, .repeatable = true},
    Verb{.request = RequestBody::ListRequest, .reply = ReplyBody::ListReply, .repeatable = true},
    Verb{.request = RequestBody::PinRequest, .reply = ReplyBody::DoneReply, .writes = true, .repeatable = true},
    Verb{.request = RequestBody::UnpinRequest, .reply = ReplyBody::DoneReply, .writes = true, .repeatable = true},
    Verb{.request = RequestBody::RemoveRequest, .reply = ReplyBody::RemoveReply, .writes = true},
    Verb{.request = RequestBody::EvictRequest, .reply = ReplyBody::EvictReply, .writes = true},
    Verb{.request = RequestBody::ClearRequest, .reply = ReplyBody::ClearReply, .writes = true},
    Verb{.request = RequestBody::StatsRequest, .reply = ReplyBody::StatsReply, .repeatable = true},
    Verb{.request = RequestBody::ClientsRequest, .reply = ReplyBody::ClientsReply, .repeatable = true},
    Verb{.request = RequestBody::PingRequest, .reply = ReplyBody::DoneReply, .repeatable = true},
    Verb{.request = RequestBody::SubscribeRequest, .reply = ReplyBody::DoneReply, .repeatable = true},
    Verb{.request = RequestBody::UnsubscribeRequest, .reply = ReplyBody::DoneReply},
    Verb{.request = RequestBody::AdoptRequest},
    Verb{.request = RequestBody::LeaveRequest},
    Verb{.request = RequestBody::ReplaceRequest},
    Verb{.request = RequestBody::WaitRequest, .reply = ReplyBody::WaitReply, .repeatable = true, .waits = true},
    Verb{.request = RequestBody::TakeRequest, .reply = ReplyBody::TakeReply, .writes = true, .waits = true},
    Verb{.request = RequestBody::ExtendGraceRequest, .reply = ReplyBody::DoneReply, .writes = true, .repeatable = true},
    Verb{.request = RequestBody::TierHelloRequest, .reply = ReplyBody::TierHelloReply, .writes = true},
    Verb{.request = RequestBody::TierCatalogueRequest, .reply = ReplyBody::TierCatalogueReply, .writes = true},
    Verb{.request = RequestBody::TierWriteDoneRequest, .writes = true},
    Verb{.request = RequestBody::TierReadDoneRequest, .writes = true},
    Verb{.request = RequestBody::TierStateRequest, .writes = true},
    Verb{.request = RequestBody::TierOrderDoneRequest, .writes = true},
    Verb{.request = RequestBody::TrimRequest, .reply = ReplyBody::TrimReply, .writes = true},
    Verb{.request = RequestBody::SpillOrderRequest, .reply = ReplyBody::SpillOrderReply, .writes = true},
    Verb{.request = RequestBody::ForgetSpilledRequest, .reply = ReplyBody::ForgetSpilledReply, .writes = true},
};

/// Precondition: decode() let a frame with it through.
[[nodiscard]] constexpr const Verb& verb_of(RequestBody request) {
  return kVerbs[static_cast<std::size_t>(request) - 1];
}

/// Whether verb_of() finds the record of each request.
[[nodiscard]] consteval bool each_request_has_a_verb() {
  for (std::size_t i = 0; i < kVerbs.size(); ++i)
    if (kVerbs[i].request != static_cast<RequestBody>(i + 1)) return false;
  return kVerbs.size() == static_cast<std::size_t>(RequestBody::MAX);
}
static_assert(each_request_has_a_verb(), "each request of messages.fbs needs a record here, in the schema's order");

/// The record of a request as it is sent: of its object-API type, or of a view (RequestView, codec.h).
template <class Request>
[[nodiscard]] consteval const Verb& verb_of() {
  if constexpr (requires { typename Request::Message; })
    return verb_of(RequestBodyTraits<typename Request::Message>::enum_value);
  else
    return verb_of(RequestBodyUnionTraits<Request>::enum_value);
}

}  // namespace dolium::protocol
