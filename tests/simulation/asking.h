#pragma once
// How a client sends requests, and repeats them after its server has died. For the files that make up Client. See
// client.h.

#include <algorithm>

#include "tests/simulation/client.h"
#include "tests/simulation/virtual_clock.h"

namespace dolium::simulation {

/// As the library's (Connection::kMayBeAskedTwice), of what is asked here.
template <class Message>
inline constexpr bool kMayBeAskedTwice =
    std::is_same_v<Message, protocol::GetRequestT> || std::is_same_v<Message, protocol::PingRequestT> ||
    std::is_same_v<Message, protocol::PinRequestT> || std::is_same_v<Message, protocol::UnpinRequestT> ||
    std::is_same_v<Message, protocol::ExtendGraceRequestT> || std::is_same_v<Message, protocol::AbortRequestT> ||
    std::is_same_v<Message, protocol::SubscribeRequestT>;

template <class Message>
void Client::ask(Asked asked, Message message) {
  const std::uint64_t request = ++last_request_;
  if constexpr (kMayBeAskedTwice<Message>) {
    asked.again = [this, message, begun = now()](std::uint64_t number) {
      Message copy = message;
      if constexpr (std::is_same_v<Message, protocol::GetRequestT>)
        if (copy.timeout_ns != UINT64_MAX) copy.timeout_ns -= std::min(copy.timeout_ns, now() - begun);
      if constexpr (std::is_same_v<Message, protocol::AbortRequestT>) copy.abandoned = true;
      wire_->send(encoder_.encode(number, copy).value());
    };
  }
  if (asked.about == About::history) busy_.insert(asked.number);
  asked_.emplace(request, std::move(asked));
  wire_->send(encoder_.encode(request, message).value());
}

template <class Message>
void Client::ask_of_many(std::vector<Part> parts, Message message) {
  for (const Part& part : parts)
    if (part.number != kFiller) busy_.insert(part.number);
  Asked asking{kFiller, {}, About::many};
  asking.parts = std::move(parts);
  ask(std::move(asking), std::move(message));
}

}  // namespace dolium::simulation
