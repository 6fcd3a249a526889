// Messages survive encoding and decoding; invalid ones are rejected.

#include "protocol/codec.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>

#include "tests/no_more_memory.h"
#include "tests/protocol/helpers.h"

namespace dolium::protocol::test {
namespace {

Id make_id(std::uint8_t fill) {
  std::array<std::uint8_t, sizeof(Id)> bytes;
  bytes.fill(fill);
  return Id(bytes);
}

PutRequestT put_request(std::size_t size) {
  PutRequestT put;
  put.heads.emplace_back(make_id(7), 0, false, 0, Retention::store_default, static_cast<std::uint32_t>(size), 3, 0, 0,
                         0, 0, 1);
  put.bytes.assign(size + 3, 42);
  return put;
}

PutRequestT put_many_request(std::size_t count) {
  PutRequestT many;
  for (std::size_t i = 0; i < count; ++i) {
    many.heads.emplace_back(make_id(7), 0, false, 0, Retention::store_default, i, 3, 0, 0, 0, 0, 1);
    many.bytes.resize(many.bytes.size() + i + 3, 42);
  }
  return many;
}

GetReplyT get_reply() {
  GetReplyT reply;
  reply.found = {true, false, true};
  reply.grant = 99;
  return reply;
}

/// Exactly as many bytes as the payload has, so that AddressSanitizer sees one byte too far; aligned like a reader's.
std::unique_ptr<std::byte[]> exactly(std::span<const std::byte> payload) {
  auto copy = std::make_unique_for_overwrite<std::byte[]>(payload.size());
  std::copy(payload.begin(), payload.end(), copy.get());
  return copy;
}

template <class Message>
Bytes payload_of(std::uint64_t request_id, Message message) {
  Encoder encoder;
  const auto frame = encoder.encode(request_id, message).value();
  return copy_of(frame.subspan(kFrameHeaderBytes));
}

/// Decodes, and if that passes follows every reference. True when it passed.
template <class Frame>
bool survives(std::span<const std::byte> payload) {
  const auto copy = exactly(payload);
  const auto frame = decode<Frame>({copy.get(), payload.size()});
  if (!frame) {
    CHECK(frame.error().code == Errc::protocol_error);
    return false;
  }
  const std::unique_ptr<typename Frame::NativeTableType> unpacked((*frame)->UnPack());
  return unpacked->body.value != nullptr;
}

TEST_CASE("a request survives the wire, through a writer and a reader") {
  Connection connection;
  Encoder encoder;
  FrameWriter writer;
  FrameReader reader;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    REQUIRE(writer.push(encoder.encode(id, put_request(id * 1000 + 1)).value()));
  }
  REQUIRE(writer.flush(connection.near.get()).value());
  REQUIRE(reader.read_from(connection.far.get()).value() == ReadState::progress);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    const auto payload = reader.next();
    REQUIRE(payload);
    const RequestFrame* frame = decode<RequestFrame>(*payload).value();
    CHECK(frame->request_id() == id);
    REQUIRE(frame->body_type() == RequestBody::PutRequest);
    const PutRequest* put = frame->body_as_PutRequest();
    CHECK(put->bytes()->size() == id * 1000 + 4);
    REQUIRE(put->heads()->size() == 1);
    CHECK(put->heads()->Get(0)->data_size() == id * 1000 + 1);
    CHECK(std::ranges::count(*put->heads()->Get(0)->id().bytes(), 7) == sizeof(Id));
  }
  CHECK_FALSE(reader.next());
}

TEST_CASE("the prefix in front of an encoded message is its payload's length") {
  Encoder encoder;
  for (const std::size_t size : {0u, 1u, 2u, 3u, 5u, 8u, 4096u}) {
    const auto frame = encoder.encode(size, put_request(size)).value();
    CHECK(copy_of(frame.first(kFrameHeaderBytes)) == header(static_cast<std::uint32_t>(frame.size() - 4)));
    CHECK(survives<RequestFrame>(frame.subspan(kFrameHeaderBytes)));
  }
}

TEST_CASE("a reply finds its own frame") {
  const Bytes payload = payload_of(5, get_reply());
  const auto copy = exactly(payload);
  const ReplyFrame* frame = decode<ReplyFrame>({copy.get(), payload.size()}).value();
  CHECK(frame->request_id() == 5);
  REQUIRE(frame->body_type() == ReplyBody::GetReply);
  CHECK(frame->body_as_GetReply()->found()->size() == 3);
  CHECK(frame->body_as_GetReply()->grant() == 99);
}

TEST_CASE("messages without fields and with id 0 are whole messages") {
  CHECK(survives<RequestFrame>(payload_of(1, PingRequestT{})));
  CHECK(survives<ReplyFrame>(payload_of(0, GoodbyeNoticeT{})));
}

TEST_CASE("an encoder serves small messages again after a large one and one that is too large") {
  Encoder encoder;
  CHECK(encoder.encode(1, put_request(kMaxFrameBytes - 1024)));
  const auto refused = encoder.encode(2, put_request(kMaxFrameBytes));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::too_large);
  const auto small = encoder.encode(3, put_request(3));
  REQUIRE(small);
  CHECK(survives<RequestFrame>(small->subspan(kFrameHeaderBytes)));
}

#ifndef DOLIUM_SANITIZED  // sanitizers end a process that is out of memory
TEST_CASE("an encoder that ran out of memory in the middle of a message encodes the next ones") {
  constexpr std::size_t kMuch = 64 << 20;
  Encoder encoder;
  REQUIRE(encoder.encode(1, put_request(100)));  // it has a buffer
  const PutRequestT large = put_request(kMuch);
  {
    const dolium::test::NoMoreMemory none;
    REQUIRE_THROWS_AS(encoder.encode(2, large), std::bad_alloc);
  }
  for (const std::size_t size : {3U, 100'000U, 3U}) {
    const auto next = encoder.encode(3, put_request(size));
    REQUIRE(next);
    CHECK(survives<RequestFrame>(next->subspan(kFrameHeaderBytes)));
  }
}
#endif

TEST_CASE("a truncated message is refused, at whatever byte") {
  const Bytes payload = payload_of(77, put_many_request(4));
  REQUIRE(survives<RequestFrame>(payload));
  for (std::size_t size = 0; size < payload.size(); ++size) {
    // The last bytes may be padding: what matters is that no reference leaves the payload.
    if (survives<RequestFrame>(std::span(payload).first(size))) CHECK(size + kPayloadAlignment > payload.size());
  }
}

TEST_CASE("a message without a body, or with one of an unknown kind, is refused") {
  flatbuffers::FlatBufferBuilder builder;
  const auto ping = CreatePingRequest(builder).Union();
  const int which = GENERATE(0, 1, 2);
  RequestFrameBuilder frame(builder);
  frame.add_request_id(1);
  if (which == 0) frame.add_body(ping);
  if (which >= 1) frame.add_body_type(which == 1 ? RequestBody::PingRequest : static_cast<RequestBody>(250));
  if (which == 2) frame.add_body(ping);
  // Not frame.Finish(): it asserts what the schema requires.
  builder.Finish(flatbuffers::Offset<RequestFrame>(builder.EndTable(frame.start_)));
  const auto payload = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  CHECK_FALSE(decode<RequestFrame>(payload));
}

TEST_CASE("a small message that refers to one table very often is refused") {
  flatbuffers::FlatBufferBuilder builder;
  const std::vector<flatbuffers::Offset<PutFailure>> failures(kMaxTables, CreatePutFailure(builder));
  const auto many = CreatePutReply(builder, builder.CreateVector(failures)).Union();
  builder.Finish(CreateReplyFrame(builder, 1, ReplyBody::PutReply, many));
  const auto payload = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  REQUIRE(payload.size() < kMaxFrameBytes);
  CHECK_FALSE(decode<ReplyFrame>(payload));
}

TEST_CASE("random garbage never gets past decode") {
  const std::uint64_t used_seed = seed();
  INFO("DOLIUM_SEED=" << used_seed);
  std::mt19937_64 random(used_seed);
  for (int round = 0; round < 20'000; ++round) {
    Bytes garbage(random() % 200);
    for (auto& byte : garbage) byte = static_cast<std::byte>(random() % (round % 2 == 0 ? 256 : 16));
    survives<RequestFrame>(garbage);
    survives<ReplyFrame>(garbage);
  }
}

TEST_CASE("a valid message with random damage is refused or safe to read") {
  const std::uint64_t used_seed = seed();
  INFO("DOLIUM_SEED=" << used_seed);
  std::mt19937_64 random(used_seed);
  const Bytes request = payload_of(77, put_many_request(5));
  const Bytes reply = payload_of(78, get_reply());
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes damaged = round % 2 == 0 ? request : reply;
    for (std::size_t hits = 1 + random() % 4; hits > 0; --hits) {
      damaged[random() % damaged.size()] = static_cast<std::byte>(random() % 4 == 0 ? 0xff : random() % 256);
    }
    const bool passed = round % 2 == 0 ? survives<RequestFrame>(damaged) : survives<ReplyFrame>(damaged);
    if (!passed) ++refused;
  }
  CHECK(refused > 0);
}

}  // namespace
}  // namespace dolium::protocol::test
