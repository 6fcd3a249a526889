#include "protocol/verbs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

namespace dolium::protocol {
namespace {

/// The names of all requests of which `is` holds, in the schema's order.
template <class Predicate>
std::string requests(Predicate is) {
  std::string names;
  for (const Verb& verb : kVerbs)
    if (is(verb)) names += std::string(names.empty() ? "" : " ") + EnumNameRequestBody(verb.request);
  return names;
}

}  // namespace

TEST_CASE("each request of the schema has a verb record") {
  for (const RequestBody request : EnumValuesRequestBody())
    if (request != RequestBody::NONE) CHECK(verb_of(request).request == request);
}

TEST_CASE("verbs: only idempotent requests are repeated after a server's death") {
  CHECK(requests([](const Verb& verb) { return verb.repeatable; }) ==
        "AbortRequest GetRequest MetadataRequest ListRequest PinRequest UnpinRequest StatsRequest ClientsRequest "
        "PingRequest SubscribeRequest WaitRequest ExtendGraceRequest");
}

TEST_CASE("verbs: requests that change the store") {
  CHECK(requests([](const Verb& verb) { return verb.writes; }) ==
        "CreateRequest LeaseRequest SealRequest AbortRequest PutRequest PutLeasedRequest PinRequest UnpinRequest "
        "RemoveRequest EvictRequest ClearRequest TakeRequest ExtendGraceRequest TierHelloRequest "
        "TierCatalogueRequest TierWriteDoneRequest TierReadDoneRequest TierStateRequest TierOrderDoneRequest "
        "TrimRequest SpillOrderRequest ForgetSpilledRequest");
}

TEST_CASE("verbs: requests without a reply") {
  CHECK(requests([](const Verb& verb) { return verb.reply == ReplyBody::NONE; }) ==
        "CancelRequest AdoptRequest LeaveRequest ReplaceRequest TierWriteDoneRequest TierReadDoneRequest "
        "TierStateRequest TierOrderDoneRequest");
}

}  // namespace dolium::protocol
