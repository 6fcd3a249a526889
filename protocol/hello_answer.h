#pragma once
// The answer to a HelloRequest, as a client waits for it: the daemon may first say that it comes later.

#include <optional>
#include <string>

#include "protocol/codec.h"
#include "protocol/convert.h"
#include "protocol/frame.h"

namespace dolium::protocol {

/// The next message in the reader, but no HelloDelayedNotice; none if the answer is not there yet. `delayed` gets the
/// reason of a notice that was read.
[[nodiscard]] inline std::optional<Result<const ReplyFrame*>> next_answer(FrameReader& reader, std::string& delayed) {
  while (const auto payload = reader.next()) {
    Result<const ReplyFrame*> frame = decode<ReplyFrame>(*payload);
    if (!frame || (*frame)->body_type() != ReplyBody::HelloDelayedNotice) return frame;
    delayed = from_wire((*frame)->body_as_HelloDelayedNotice()->reason());
  }
  return std::nullopt;
}

}  // namespace dolium::protocol
