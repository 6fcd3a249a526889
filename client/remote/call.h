#pragma once
// Call: a request that is under way, and then its reply. If the server dies meanwhile, the next server is asked again
// where that is harmless; the outcome of all other requests is unknown (resume.cc).

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <dolium/object.h>
#include <dolium/result.h>

#include "protocol/codec.h"
#include "protocol/convert.h"
#include "protocol/verbs.h"

namespace dolium::detail {

struct Call {
  /// The objects that a grant in the reply is about, and the references taken to them, position by position.
  std::vector<ObjectId> ids;
  std::vector<std::optional<Object>> taken;
  /// Called by the leader before the waiting thread is woken. Must not wait, and must not call the connection.
  std::function<void(Call&)> on_answer;

  /// Encodes the request again, for another server. None: it is not idempotent, and its outcome is unknown.
  std::function<Result<std::span<const std::byte>>(protocol::Encoder&, std::uint64_t number)> again;
  std::optional<ObjectId> creating;  // the object that a create, or the lease, is for; set by name_object()
  bool sent = false;                 // under write_mutex
  std::uint32_t epoch = 0;           // the exchange's, when it was answered

  std::vector<std::byte> payload;  // a verified ReplyFrame, when answered without a failure
  std::optional<Error> failure;
  bool answered = false;
  std::condition_variable wake;

  /// The body of the reply; the daemon's error, or the connection's, as an error. Precondition: answered.
  template <class Reply>
  [[nodiscard]] Result<const Reply*> reply() const {
    const Result<const void*> found = body(protocol::ReplyBodyTraits<Reply>::enum_value);
    return found ? Result<const Reply*>(static_cast<const Reply*>(*found)) : found.error();
  }

  /// The request is about to be sent.
  template <class Request>
  void remember(const Request& request) {
    sent = true;
    if constexpr (protocol::verb_of<Request>().repeatable)
      again = [request, begun = std::chrono::steady_clock::now()](protocol::Encoder& encoder, std::uint64_t number) {
        Request copy = request;
        if constexpr (protocol::verb_of<Request>().waits)
          if (copy.timeout_ns != UINT64_MAX) copy.timeout_ns -= std::min(copy.timeout_ns, nanoseconds_since(begun));
        if constexpr (std::is_same_v<Request, protocol::AbortRequestT>) copy.abandoned = true;
        return encoder.encode(number, copy);
      };
  }
  /// The call is about to become visible to the leader: what is set here does not change any more.
  template <class Request>
  void name_object(const Request& request) {
    if constexpr (std::is_same_v<Request, protocol::CreateRequestT>)
      creating = protocol::from_wire(*request.object->id);
    else if constexpr (std::is_same_v<Request, protocol::LeaseRequestT>)
      creating = protocol::from_wire(*request.id);
  }

 private:
  [[nodiscard]] Result<const void*> body(protocol::ReplyBody kind) const;
  [[nodiscard]] static std::uint64_t nanoseconds_since(std::chrono::steady_clock::time_point begun) noexcept {
    const auto passed = std::chrono::steady_clock::now() - begun;
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(passed).count());
  }
};

}  // namespace dolium::detail
