// Rings: the stream is unchanged, however fast each side is; and a hostile peer's writes do no harm.

#include "protocol/ring.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "tests/protocol/helpers.h"

using namespace dolium;
using namespace dolium::protocol;
using namespace dolium::protocol::test;

namespace {

/// Both ends, each with a mapping of its own as two processes would have, and a third for whoever cheats.
struct Rings {
  shm::Mapping map() const { return segment.map(shm::Mapping::Mode::read_write).value(); }
  /// Of the client's way to the daemon.
  RingWords& words() { return *reinterpret_cast<RingWords*>(cheat.data()); }

  shm::Segment segment = shm::Segment::create("rings", RingPair::kBytes).value();
  shm::Mapping cheat = map();
  RingPair client{map(), RingPair::Side::client};
  RingPair daemon{map(), RingPair::Side::daemon};
};

Bytes drain(RingReader& reader, std::size_t most) {
  Bytes out(most);
  out.resize(reader.read(out).value());
  return out;
}

/// A doorbell as a descriptor.
struct Bell {
  void ring() const { REQUIRE(::eventfd_write(fd.get(), 1) == 0); }
  void wait() const {
    pollfd waiting{fd.get(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 20'000) == 1);  // only a bell that was lost takes as long
    eventfd_t count = 0;
    REQUIRE(::eventfd_read(fd.get(), &count) == 0);
  }
  shm::UniqueFd fd{::eventfd(0, EFD_CLOEXEC)};
};

}  // namespace

TEST_CASE("what goes into a ring comes out of it, in order, over its end and beside the other direction") {
  Rings rings;
  std::mt19937 random(20261125);
  Bytes sent, received;
  Bytes back_sent, back_received;
  while (sent.size() < 20 * kRingBytes) {
    const Bytes piece = pattern(random() % 9000, static_cast<std::uint32_t>(sent.size()));
    const std::size_t written = rings.client.out.write(piece).value();
    CHECK(written <= piece.size());
    append(sent, std::span(piece).first(written));
    const Bytes answer = pattern(random() % 100, 7);
    append(back_sent, std::span(answer).first(rings.daemon.out.write(answer).value()));
    append(received, drain(rings.daemon.in, random() % 9000));
    append(back_received, drain(rings.client.in, random() % 200));
    REQUIRE(sent.size() - received.size() <= kRingBytes);
  }
  append(received, drain(rings.daemon.in, kRingBytes));
  append(back_received, drain(rings.client.in, kRingBytes));
  CHECK(received == sent);
  CHECK(back_received == back_sent);
  CHECK(rings.daemon.in.is_empty());
}

TEST_CASE("a full ring takes nothing more, and its reader is asked once to say when it does") {
  Rings rings;
  const Bytes more = pattern(kRingBytes + 100);
  CHECK(rings.client.out.write(more).value() == kRingBytes);
  CHECK(rings.client.out.write(more).value() == 0);
  CHECK_FALSE(rings.daemon.in.take_bell());
  CHECK(rings.client.out.ask_for_room());
  CHECK(drain(rings.daemon.in, 10).size() == 10);
  CHECK(rings.daemon.in.take_bell());
  CHECK_FALSE(rings.daemon.in.take_bell());
  CHECK(rings.client.out.write(more).value() == 10);
  // Room that came between the look and the question is not asked for.
  CHECK(rings.client.out.write(more).value() == 0);
  CHECK(drain(rings.daemon.in, 10).size() == 10);
  CHECK_FALSE(rings.client.out.ask_for_room());
  CHECK_FALSE(rings.daemon.in.take_bell());
}

TEST_CASE("a reader that sleeps is woken once, and does not fall asleep over bytes") {
  Rings rings;
  CHECK_FALSE(rings.client.out.take_bell());
  CHECK(rings.daemon.in.fall_asleep());
  REQUIRE(rings.client.out.write(pattern(5)).value() == 5);
  CHECK(rings.client.out.take_bell());
  CHECK_FALSE(rings.client.out.take_bell());
  CHECK_FALSE(rings.daemon.in.fall_asleep());
  CHECK_FALSE(rings.client.out.take_bell());
  CHECK(drain(rings.daemon.in, 10).size() == 5);
  CHECK(rings.daemon.in.fall_asleep());
  CHECK_FALSE(rings.client.out.take_bell());  // it has read all that there is
  rings.daemon.in.awake();
  CHECK_FALSE(rings.client.out.take_bell());
}

TEST_CASE("counts that cannot be are a protocol error on either side, and nothing outside is touched") {
  for (const std::uint64_t lie : {std::uint64_t{kRingBytes + 1}, std::uint64_t{1} << 40, UINT64_MAX}) {
    CAPTURE(lie);
    Rings rings;
    rings.words().written.store(lie);
    Bytes out(100);
    const Error read = rings.daemon.in.read(out).error();
    CHECK(read.code == Errc::protocol_error);
    CHECK_THAT(read.message, Catch::Contains(fmt::format("in a ring of {}", kRingBytes)));

    Rings others;
    REQUIRE(others.client.out.write(pattern(kRingBytes)).value() == kRingBytes);
    others.words().read.store(lie);
    CHECK(others.client.out.write(out).error().code == Errc::protocol_error);
  }
}

TEST_CASE("neither side sleeps for ever: two threads that both sleep whenever they can") {
  Rings rings;
  Bell to_daemon, to_client;
  const Bytes all = pattern(4 * 1024 * 1024);
  std::thread writer([&] {
    std::span<const std::byte> rest(all);
    while (!rest.empty()) {
      const std::size_t written = rings.client.out.write(rest.first(std::min<std::size_t>(rest.size(), 777))).value();
      rest = rest.subspan(written);
      if (rings.client.out.take_bell()) to_daemon.ring();
      if (written == 0 && rings.client.out.ask_for_room()) to_client.wait();
    }
  });
  Bytes received;
  while (received.size() < all.size()) {
    append(received, drain(rings.daemon.in, 5000));
    if (rings.daemon.in.take_bell()) to_client.ring();
    if (received.size() < all.size() && rings.daemon.in.fall_asleep()) to_daemon.wait();
  }
  writer.join();
  CHECK(received == all);
}
