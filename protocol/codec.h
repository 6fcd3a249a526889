#pragma once
// Codec: messages to frames and back, one function each for every message of messages.fbs.
//
// Encoding takes the object-API type of a message (`CreateRequestT`), wraps it in the frame table it belongs
// to and leaves the whole frame, length prefix included, in the encoder's own buffer. Decoding unpacks nothing:
// it proves that every offset in the payload stays inside it, and hands out the accessors over the very bytes.
// What decode() lets through has a body that is really there and of a kind that this side knows; a dispatcher's
// `switch (frame->body_type())` needs no other case. What the fields *mean* is still the peer's word: enums may
// hold values without a name, optional strings, vectors and structs may be null.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <flatbuffers/flatbuffers.h>

#include <dolium/result.h>

#include "messages_generated.h"
#include "protocol/frame.h"

namespace dolium::protocol {

/// Frame, body, row: no message nests deeper than StatsReply's last refusal and its holders. Room for a few levels
/// more.
inline constexpr std::uint32_t kMaxTableDepth = 8;
/// Tables in one payload. Few bytes can refer to one table many times, so the frame's cap does not bound this.
inline constexpr std::uint32_t kMaxTables = 128 * 1024;
/// An encoder gives back what a message larger than this made it allocate.
inline constexpr std::size_t kKeptEncoderBytes = 256 * 1024;

template <class Message>
inline constexpr bool kIsRequest = RequestBodyUnionTraits<Message>::enum_value != RequestBody::NONE;
template <class Message>
inline constexpr bool kIsReply = ReplyBodyUnionTraits<Message>::enum_value != ReplyBody::NONE;

// What FlatBuffers' verifier leaves out (2.0): of a vector it looks where the length is, not whether the elements
// behind it, which are wider, are aligned.
template <class Element>
[[nodiscard]] bool is_aligned(const flatbuffers::Vector<Element>* wide) noexcept {
  return wide == nullptr || wide->size() == 0 ||
         reinterpret_cast<std::uintptr_t>(wide->Data()) % sizeof(std::uint64_t) == 0;
}
[[nodiscard]] inline bool is_aligned(const RequestFrame& frame) noexcept {
  if (const auto* put = frame.body_as_PutRequest()) return is_aligned(put->heads());
  if (const auto* leased = frame.body_as_PutLeasedRequest()) return is_aligned(leased->heads());
  if (const auto* abort = frame.body_as_AbortRequest()) return is_aligned(abort->spared());
  return true;
}
[[nodiscard]] inline bool is_aligned(const ReplyFrame&) noexcept {
  return true;  // none has such a vector
}

/// Verifies a payload and views it as `Frame`: RequestFrame or ReplyFrame. The result points into `payload`,
/// which must be at kPayloadAlignment (as FrameReader's are) and outlive it. protocol_error for nonsense.
template <class Frame>
[[nodiscard]] Result<const Frame*> decode(std::span<const std::byte> payload) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
  flatbuffers::Verifier::Options limits;
  limits.max_depth = kMaxTableDepth;
  limits.max_tables = kMaxTables;
  flatbuffers::Verifier verifier(bytes, payload.size(), limits);
  if (payload.size() > kMaxFrameBytes || !verifier.VerifyBuffer<Frame>()) {
    return Error{Errc::protocol_error, "the peer sent a message that does not verify"};
  }
  const auto* frame = flatbuffers::GetRoot<Frame>(bytes);
  using Body = decltype(frame->body_type());
  // The generated verifier passes kinds it does not know, unverified, so that newer peers may add some.
  if (frame->body_type() == Body::NONE || frame->body_type() > Body::MAX || frame->body() == nullptr) {
    return Error{Errc::protocol_error, "the peer sent a message of an unknown kind"};
  }
  if (!is_aligned(*frame)) return Error{Errc::protocol_error, "the peer sent a message that is not aligned"};
  return frame;
}

/// A request that is encoded straight from the caller's bytes: names its table, and builds it.
template <class View>
concept RequestView = requires(const View& view, flatbuffers::FlatBufferBuilder& builder) {
  { view.build(builder) } -> std::same_as<flatbuffers::Offset<typename View::Message>>;
};

/// A buffer that messages are built in, used again for the next one. Not thread-safe. A resource.
class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// The whole frame, ready for FrameWriter::push(); valid until the next call. too_large when it would exceed
  /// kMaxFrameBytes. The frame table follows from the message's type.
  template <class Message>
  requires(kIsRequest<Message> != kIsReply<Message>)
      [[nodiscard]] Result<std::span<const std::byte>> encode(std::uint64_t request_id, Message message) {
    using Frame = std::conditional_t<kIsRequest<Message>, RequestFrame, ReplyFrame>;
    begin();
    typename Frame::NativeTableType frame;
    frame.request_id = request_id;
    frame.body.Set(std::move(message));
    builder_.Finish(Frame::Pack(builder_, &frame));
    return finish();
  }
  template <RequestView View>
  [[nodiscard]] Result<std::span<const std::byte>> encode(std::uint64_t request_id, const View& view) {
    begin();
    const auto body = view.build(builder_);
    constexpr RequestBody kKind = RequestBodyTraits<typename View::Message>::enum_value;
    builder_.Finish(CreateRequestFrame(builder_, request_id, kKind, body.Union()));
    return finish();
  }

 private:
  void begin() {
    if (builder_.GetSize() > kKeptEncoderBytes) {
      builder_.Reset();
    } else {
      builder_.Clear();
    }
  }
  // Not FinishSizePrefixed(): that aligns the fields relative to the prefix, and the reader aligns the payload.
  [[nodiscard]] Result<std::span<const std::byte>> finish() {
    const std::uint32_t payload_bytes = builder_.GetSize();
    if (payload_bytes > kMaxFrameBytes) return Error{Errc::too_large, "the message does not fit into one frame"};
    builder_.PushElement(payload_bytes);
    return std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
  }

  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace dolium::protocol
