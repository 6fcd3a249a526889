// Any bytes as a stream of frames, in both directions: the reader and the verifier must let nothing through that could
// be read outside its payload. Every field of what they let through is read, by unpacking all of it.

#include <cstdint>
#include <cstdlib>
#include <span>

#include "protocol/codec.h"
#include "protocol/fd_socket.h"
#include "protocol/frame.h"
#include "protocol/ring.h"

namespace {

using namespace dolium;
using namespace dolium::protocol;

/// One ring, kept: a stream ends with its reader, not with its memory.
struct Stream {
  shm::Segment segment = shm::Segment::create("rings", RingPair::kBytes).value();
  RingPair near{segment.map(shm::Mapping::Mode::read_write).value(), RingPair::Side::client};
  RingPair far{segment.map(shm::Mapping::Mode::read_write).value(), RingPair::Side::daemon};
};

template <class Frame>
void unpack(std::span<const std::byte> payload) {
  const Result<const Frame*> frame = decode<Frame>(payload);
  if (!frame) return;
  typename Frame::NativeTableType all;
  (*frame)->UnPackTo(&all);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Stream stream;
  FrameReader reader;
  std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(data), size);
  bool sound = true;
  while (!rest.empty() && sound) {
    // In pieces of one size, which the first byte says: frames are cut anywhere.
    const std::size_t piece = std::min<std::size_t>(rest.size(), 1 + std::size_t{data[0]} * 16);
    if (stream.near.out.write(rest.first(piece)).value() != piece) std::abort();
    rest = rest.subspan(piece);
    sound = static_cast<bool>(reader.read_from(stream.far.in));
    reader.check_invariants();
    while (const auto payload = reader.next()) {
      unpack<RequestFrame>(*payload);
      unpack<ReplyFrame>(*payload);
    }
  }
  // What the reader had no more use for is not the next input's.
  std::array<std::byte, 4096> left;
  while (stream.far.in.read(left).value() != 0) {
  }
  return 0;
}
