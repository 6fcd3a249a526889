#pragma once
// Codec: encodes messages to frames, and decodes frames to messages, with one function template for each direction.
//
// Encoding takes the object-API type of a message (`CreateRequestT`), wraps it in its frame table, and leaves the whole
// frame, with its length prefix, in the encoder's own buffer. Decoding copies nothing: it verifies that every offset in
// the payload stays inside it, and returns accessors of these bytes. After decode(), the body exists and is of a kind
// that this side knows: a dispatcher's `switch (frame->body_type())` needs no other case. The values of fields are
// still untrusted: enums may have unknown values, and optional strings, vectors and structs may be null.

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

/// Maximum nesting of tables. The deepest message is StatsReply's last refusal with its holders; a few levels are
/// spare.
inline constexpr std::uint32_t kMaxTableDepth = 8;
/// Maximum number of tables in one payload. Few bytes can refer to one table many times, so the maximum frame size does
/// not bound this number.
inline constexpr std::uint32_t kMaxTables = 128 * 1024;
/// Maximum number of bytes that an encoder keeps allocated. After a larger message it frees its buffer.
inline constexpr std::size_t kKeptEncoderBytes = 256 * 1024;

template <class Message>
inline constexpr bool kIsRequest = RequestBodyUnionTraits<Message>::enum_value != RequestBody::NONE;
template <class Message>
inline constexpr bool kIsReply = ReplyBodyUnionTraits<Message>::enum_value != ReplyBody::NONE;

/// Verifies a payload and returns it as a `Frame`: RequestFrame or ReplyFrame. The result points into `payload`, which
/// must be aligned to kPayloadAlignment (as FrameReader's are) and outlive it. protocol_error if the payload is
/// invalid.
template <class Frame>
[[nodiscard]] Result<const Frame*> decode(std::span<const std::byte> payload);

/// A request that is encoded directly from the caller's bytes. It names its table, and builds it.
template <class View>
concept RequestView = requires(const View& view, flatbuffers::FlatBufferBuilder& builder) {
  { view.build(builder) } -> std::same_as<flatbuffers::Offset<typename View::Message>>;
};

/// Builds messages in a buffer that is reused for the next message. Throws std::bad_alloc if there is no memory; the
/// next message can be built all the same. Not thread-safe. A resource.
class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// Returns the whole frame, ready for FrameWriter::push(); valid until the next call. too_large if it would exceed
  /// kMaxFrameBytes. The message's type determines the frame table.
  template <class Message>
  requires(kIsRequest<Message> != kIsReply<Message>)
      [[nodiscard]] Result<std::span<const std::byte>> encode(std::uint64_t request_id, const Message& message) {
    begin();
    // Not as a member of the union: that compiles the packing of all messages into each caller.
    const flatbuffers::Offset<void> body = Message::TableType::Pack(builder_, &message).Union();
    if constexpr (kIsRequest<Message>) {
      return finish(request_id, RequestBodyUnionTraits<Message>::enum_value, body);
    } else {
      return finish(request_id, ReplyBodyUnionTraits<Message>::enum_value, body);
    }
  }
  template <RequestView View>
  [[nodiscard]] Result<std::span<const std::byte>> encode(std::uint64_t request_id, const View& view) {
    begin();
    const auto body = view.build(builder_);
    return finish(request_id, RequestBodyTraits<typename View::Message>::enum_value, body.Union());
  }

 private:
  void begin();
  [[nodiscard]] Result<std::span<const std::byte>> finish(std::uint64_t request_id, RequestBody kind,
                                                          flatbuffers::Offset<void> body);
  [[nodiscard]] Result<std::span<const std::byte>> finish(std::uint64_t request_id, ReplyBody kind,
                                                          flatbuffers::Offset<void> body);
  [[nodiscard]] Result<std::span<const std::byte>> add_length();

  flatbuffers::FlatBufferBuilder builder_;
  /// False from begin() to the end of add_length(): an exception between them, because memory ran out while the buffer
  /// grew, leaves a builder that believes in a larger buffer than it has.
  bool intact_ = true;
};

}  // namespace dolium::protocol
