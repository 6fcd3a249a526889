#pragma once
// Call: a request that is on its way, and then its reply; and what a server's death makes of it: some may be asked once
// more, of the next server, the outcome of all others is then unknown (resume.cc).

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <dolium/event.h>
#include <dolium/object.h>
#include <dolium/result.h>

#include "protocol/codec.h"
#include "protocol/convert.h"

namespace dolium::detail {

/// To do these twice is as good as once.
template <class Request>
inline constexpr bool kMayBeAskedTwice =
    std::is_same_v<Request, protocol::GetRequestT> || std::is_same_v<Request, protocol::MetadataRequestT> ||
    std::is_same_v<Request, protocol::ListRequestT> || std::is_same_v<Request, protocol::StatsRequestT> ||
    std::is_same_v<Request, protocol::ClientsRequestT> || std::is_same_v<Request, protocol::PingRequestT> ||
    std::is_same_v<Request, protocol::PinRequestT> || std::is_same_v<Request, protocol::UnpinRequestT> ||
    std::is_same_v<Request, protocol::AbortRequestT> || std::is_same_v<Request, protocol::SubscribeRequestT>;

struct Call {
  /// What a grant in the reply speaks of, and what was taken of it, position by position.
  std::vector<ObjectId> ids;
  std::vector<std::optional<Object>> taken;
  /// Before a waiter is woken. Called by the thread that reads: must not wait, and must not call back.
  std::function<void(Call&)> on_answer;

  /// Encodes the request anew, for another server; none: whether it was carried out is not known, and twice may be once
  /// too often.
  std::function<Result<std::span<const std::byte>>(protocol::Encoder&, std::uint64_t number)> again;
  std::optional<ObjectId> creating;  // an extent that we may never hear of; set by name_object()
  bool sent = false;                 // under Connection's write_mutex
  std::uint32_t epoch = 0;           // in which it was answered

  std::vector<std::byte> payload;  // a verified ReplyFrame, when answered without a failure
  std::optional<Error> failure;
  bool answered = false;
  std::condition_variable wake;

  /// The request is about to be sent.
  template <class Request>
  void remember(const Request& request) {
    sent = true;
    if constexpr (kMayBeAskedTwice<Request>)
      again = [request, begun = std::chrono::steady_clock::now()](protocol::Encoder& encoder, std::uint64_t number) {
        Request copy = request;
        if constexpr (std::is_same_v<Request, protocol::GetRequestT>)
          if (copy.timeout_ns != UINT64_MAX) copy.timeout_ns -= std::min(copy.timeout_ns, nanoseconds_since(begun));
        if constexpr (std::is_same_v<Request, protocol::AbortRequestT>) copy.abandoned = true;
        return encoder.encode(number, std::move(copy));
      };
  }
  /// It is about to be known to who reads: what is set here is not changed any more.
  template <class Request>
  void name_object(const Request& request) {
    if constexpr (std::is_same_v<Request, protocol::CreateRequestT>)
      creating = protocol::from_wire(*request.object->id);
  }

 private:
  [[nodiscard]] static std::uint64_t nanoseconds_since(std::chrono::steady_clock::time_point begun) noexcept {
    const auto passed = std::chrono::steady_clock::now() - begun;
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(passed).count());
  }
};

/// What a subscription has received and nobody has taken.
struct EventBuffer {
  std::deque<Event> events;  // bounded by Subscription::kMaxQueued
  std::condition_variable wake;

  void add(const Event& event);
};

}  // namespace dolium::detail
