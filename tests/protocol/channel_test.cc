// Channels: the same frames through a socket or through rings, and when the socket rings.

#include "protocol/channel.h"

#include <poll.h>

#include "protocol/codec.h"
#include "tests/protocol/helpers.h"

using namespace dolium;
using namespace dolium::protocol;
using namespace dolium::protocol::test;

namespace {

using Look = Channel::Look;

struct Pair {
  explicit Pair(bool rings) {
    if (!rings) return;
    const shm::Segment segment = shm::Segment::create("rings", RingPair::kBytes).value();
    near.use_rings(segment.map(shm::Mapping::Mode::read_write).value(), RingPair::Side::client);
    far.use_rings(segment.map(shm::Mapping::Mode::read_write).value(), RingPair::Side::daemon);
  }
  Result<ReadState> receive(Look look = Look::everywhere) { return far.read(connection.far.get(), reader, look); }
  bool bell_rang(int socket) const {
    pollfd look{socket, POLLIN, 0};
    return ::poll(&look, 1, 0) == 1;
  }

  Connection connection;
  Channel near, far;
  FrameWriter writer;
  FrameReader reader;
};

std::optional<Bytes> next(FrameReader& reader) {
  const auto payload = reader.next();
  return payload ? std::optional(Bytes(payload->begin(), payload->end())) : std::nullopt;
}

}  // namespace

TEST_CASE("frames cross a channel whole and in order, those larger than a ring too") {
  const bool rings = GENERATE(false, true);
  const bool at_once = GENERATE(false, true);  // what there is room for, without being queued
  CAPTURE(rings, at_once);
  Pair pair(rings);
  const std::vector<std::size_t> sizes = {1, 100, kRingBytes, 3 * kRingBytes + 17, 5, kMaxFrameBytes};
  for (const std::size_t size : sizes) {
    const Bytes frame = framed(pattern(size));
    REQUIRE((at_once ? pair.near.push(pair.writer, frame) : pair.writer.push(frame)));
  }
  std::vector<Bytes> received;
  while (received.size() < sizes.size()) {
    REQUIRE(pair.near.flush(pair.connection.near.get(), pair.writer));
    REQUIRE(pair.receive());
    while (auto payload = next(pair.reader)) received.push_back(*std::move(payload));
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(received[i] == pattern(sizes[i]));
  CHECK(*pair.near.flush(pair.connection.near.get(), pair.writer));
  CHECK(*pair.receive() == ReadState::would_block);
}

TEST_CASE("a frame that there is room for is in the ring before flush(), unless others wait before it") {
  Pair pair(true);
  REQUIRE(pair.near.push(pair.writer, framed(pattern(10))));
  CHECK(pair.writer.queued_bytes() == 0);
  REQUIRE(*pair.receive() == ReadState::progress);
  CHECK(next(pair.reader) == pattern(10));
  REQUIRE(pair.near.push(pair.writer, framed(pattern(kRingBytes))));
  CHECK(pair.writer.queued_bytes() == kFrameHeaderBytes);  // as much as was too much
  REQUIRE(*pair.receive() == ReadState::progress);
  REQUIRE(pair.near.push(pair.writer, framed(pattern(20))));
  CHECK(*pair.receive() == ReadState::would_block);
  CHECK(*pair.near.flush(pair.connection.near.get(), pair.writer));
  REQUIRE(*pair.receive() == ReadState::progress);
  CHECK(next(pair.reader) == pattern(kRingBytes));
  CHECK(next(pair.reader) == pattern(20));
}

TEST_CASE("the bell is for who sleeps, and for who waits for room") {
  Pair pair(true);
  const int near = pair.connection.near.get(), far = pair.connection.far.get();
  const auto send = [&](std::size_t size) {
    REQUIRE(pair.writer.push(framed(pattern(size))));
    return *pair.near.flush(near, pair.writer);
  };
  CHECK(send(10));
  CHECK_FALSE(pair.bell_rang(far));
  REQUIRE(*pair.receive(Look::ring_only) == ReadState::progress);
  REQUIRE(next(pair.reader));
  CHECK(pair.far.may_sleep());
  CHECK(send(10));
  CHECK(send(10));
  CHECK(pair.bell_rang(far));
  CHECK_FALSE(pair.far.may_sleep());
  REQUIRE(*Channel::take_bells(far) == ReadState::would_block);
  CHECK_FALSE(pair.bell_rang(far));

  CHECK_FALSE(send(2 * kRingBytes));
  CHECK_FALSE(pair.bell_rang(near));
  REQUIRE(*pair.receive(Look::ring_only) == ReadState::progress);
  CHECK(pair.bell_rang(near));
  REQUIRE(*Channel::take_bells(near) == ReadState::would_block);

  // Who looks again by itself has asked for nothing.
  CHECK_FALSE(*pair.near.flush(near, pair.writer, WhenFull::look_again));
  REQUIRE(*pair.receive(Look::ring_only) == ReadState::progress);
  CHECK_FALSE(pair.bell_rang(near));
}

TEST_CASE("last words through the ring are heard before the end of the connection") {
  Pair pair(true);
  REQUIRE(pair.writer.push(framed(pattern(3000))));
  REQUIRE(*pair.near.flush(pair.connection.near.get(), pair.writer));
  pair.connection.near.reset();
  CHECK(*pair.receive() == ReadState::progress);
  CHECK(next(pair.reader) == pattern(3000));
  CHECK(*pair.receive() == ReadState::end_of_file);
}

TEST_CASE("who is about to write can wake the other side before, which is then told once") {
  const bool rings = GENERATE(false, true);
  CAPTURE(rings);
  Pair pair(rings);
  const int near = pair.connection.near.get(), far = pair.connection.far.get();
  pair.near.wake_early(near);
  CHECK_FALSE(pair.bell_rang(far));  // it does not sleep
  CHECK(pair.far.may_sleep());
  pair.near.wake_early(near);
  pair.near.wake_early(near);
  CHECK(pair.bell_rang(far) == rings);
  if (!rings) return;
  CHECK(*pair.receive() == ReadState::would_block);
  REQUIRE(pair.writer.push(framed(pattern(10))));
  CHECK(*pair.near.flush(near, pair.writer));
  CHECK_FALSE(pair.bell_rang(far));
  CHECK(*pair.receive() == ReadState::progress);
}
