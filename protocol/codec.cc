#include "protocol/codec.h"

#include <cstdint>

namespace dolium::protocol {
namespace {

// FlatBuffers' verifier (2.0) checks the alignment of a vector's length, but not of its elements, which need more.
template <class Element>
bool is_aligned(const flatbuffers::Vector<Element>* wide) noexcept {
  return wide == nullptr || wide->size() == 0 ||
         reinterpret_cast<std::uintptr_t>(wide->Data()) % sizeof(std::uint64_t) == 0;
}
bool is_aligned(const RequestFrame& frame) noexcept {
  if (const auto* put = frame.body_as_PutRequest()) return is_aligned(put->heads());
  if (const auto* leased = frame.body_as_PutLeasedRequest()) return is_aligned(leased->heads());
  if (const auto* abort = frame.body_as_AbortRequest()) return is_aligned(abort->spared());
  if (const auto* catalogue = frame.body_as_TierCatalogueRequest()) return is_aligned(catalogue->records());
  if (const auto* written = frame.body_as_TierWriteDoneRequest()) return is_aligned(written->written());
  if (const auto* read = frame.body_as_TierReadDoneRequest()) return is_aligned(read->read());
  return true;
}
bool is_aligned(const ReplyFrame& frame) noexcept {
  if (const auto* got = frame.body_as_GetReply()) return is_aligned(got->places());
  if (const auto* stats = frame.body_as_StatsReply()) return is_aligned(stats->walls());
  if (const auto* work = frame.body_as_TierWorkNotice())
    return is_aligned(work->drops()) && is_aligned(work->writes()) && is_aligned(work->reads()) &&
           is_aligned(work->orders());
  return true;  // no other reply has a vector of such elements
}

}  // namespace

template <class Frame>
Result<const Frame*> decode(std::span<const std::byte> payload) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
  flatbuffers::Verifier::Options limits;
  limits.max_depth = kMaxTableDepth;
  limits.max_tables = kMaxTables;
  flatbuffers::Verifier verifier(bytes, payload.size(), limits);
  if (payload.size() > kMaxFrameBytes || !verifier.VerifyBuffer<Frame>()) {
    return Error{Errc::protocol_error,
                 "the peer sent an invalid message: it does not pass the check of its offsets and sizes"};
  }
  const auto* frame = flatbuffers::GetRoot<Frame>(bytes);
  using Body = decltype(frame->body_type());
  // The generated verifier accepts unknown kinds without a check, so that newer peers may add some.
  if (frame->body_type() == Body::NONE || frame->body_type() > Body::MAX || frame->body() == nullptr) {
    return Error{Errc::protocol_error, "the peer sent a message of an unknown kind"};
  }
  if (!is_aligned(*frame))
    return Error{Errc::protocol_error, "the peer sent an invalid message: a vector in it is not aligned"};
  return frame;
}

// Compiled once: the verifiers of all messages are most of the generated code.
template Result<const RequestFrame*> decode(std::span<const std::byte>);
template Result<const ReplyFrame*> decode(std::span<const std::byte>);

void Encoder::begin() {
  if (!intact_ || builder_.GetSize() > kKeptEncoderBytes) {
    builder_.Reset();
  } else {
    builder_.Clear();
  }
  intact_ = false;
}

Result<std::span<const std::byte>> Encoder::finish(std::uint64_t request_id, RequestBody kind,
                                                   flatbuffers::Offset<void> body) {
  builder_.Finish(CreateRequestFrame(builder_, request_id, kind, body));
  return add_length();
}

Result<std::span<const std::byte>> Encoder::finish(std::uint64_t request_id, ReplyBody kind,
                                                   flatbuffers::Offset<void> body) {
  builder_.Finish(CreateReplyFrame(builder_, request_id, kind, body));
  return add_length();
}

// Not FinishSizePrefixed(): that aligns fields relative to the prefix, but the reader aligns the payload.
Result<std::span<const std::byte>> Encoder::add_length() {
  const std::uint32_t payload_bytes = builder_.GetSize();
  if (payload_bytes <= kMaxFrameBytes) builder_.PushElement(payload_bytes);
  intact_ = true;
  if (payload_bytes > kMaxFrameBytes) return Error{Errc::too_large, "the message does not fit into one frame"};
  return std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
}

}  // namespace dolium::protocol
