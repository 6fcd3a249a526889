// Puts of many objects at a store whose memory is full of objects that only the disk can make evictable.

#include "daemon/server/ordered_puts.h"

#include <sys/eventfd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "protocol/frame.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/writeback.h"
#include "tests/shm/store_fixture.h"

namespace dolium::daemon {
namespace {

using protocol::PutHead;
using shm::ClientId;
using shm::SlotIndex;
using shm::test::id_of;

constexpr std::uint64_t kFullTierBytes = 1 << 20;
constexpr std::uint64_t kFiller = 16 * 1024;
constexpr std::uint64_t kLeaseBytes = 16 * 1024;
constexpr std::uint32_t kPutBytes = 1000;
constexpr std::uint64_t kFirstFiller = 1'000'000;
const ObjectId kLease = ObjectId::from_name("a lease");

class NoHost final : public Session::Host {
  void on_request(Session&, const protocol::RequestFrame&) override {}
  void on_silenced(Session&) override {}
  void on_misbehaviour(Session&, const Error& what) override { FAIL(what.message); }
  void on_release() override {}
  void on_ended(Session&) override {}
  void on_dirty(Session&) override {}
  void on_awake(Session&) override {}
  void on_without_rings(Session&, const Error&) override {}
  void on_refused(Session&, const Error&) override {}
};

class Disk final : public shm::Writeback {
 public:
  [[nodiscard]] bool may_make_room(std::uint64_t) const override { return works; }
  bool works = true;
};

PutHead head_of(std::uint64_t number) {
  return {protocol::to_wire(id_of(number)), 0, false, 0, protocol::Retention::keep, kPutBytes, 0, 0, 0, 0, 0, 0};
}

std::vector<PutHead> heads_of(std::uint64_t first, std::uint64_t count) {
  std::vector<PutHead> heads;
  for (std::uint64_t i = 0; i < count; ++i) heads.push_back(head_of(first + i));
  return heads;
}

/// One client: its session, and what it was told.
struct OnePeer {
  shm::UniqueFd socket;
  shm::UniqueFd release = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::unique_ptr<Session> session;
  ClientId client = 0;

  /// "3: out_of_memory" for each put that was refused, "done" for a reply without failures.
  [[nodiscard]] std::vector<std::string> told() {
    session->pump();
    std::vector<std::string> out;
    protocol::FrameReader reader;
    while (reader.read_from(socket.get()).value() == protocol::ReadState::progress)
      while (const auto payload = reader.next()) {
        const auto* frame = protocol::decode<protocol::ReplyFrame>(*payload).value();
        if (const auto* notice = frame->body_as_PutFailedNotice())
          out.emplace_back(protocol::from_wire(notice->message()).substr(0, 7));
        if (const auto* reply = frame->body_as_PutReply()) {
          if (reply->failures() == nullptr || reply->failures()->size() == 0) out.emplace_back("done");
          for (flatbuffers::uoffset_t i = 0; reply->failures() != nullptr && i < reply->failures()->size(); ++i)
            out.push_back(std::to_string(reply->failures()->Get(i)->index()) + ": " +
                          protocol::EnumNameErrorCode(reply->failures()->Get(i)->code()));
        }
      }
    return out;
  }
};

struct FullTier {
  FullTier() {
    engine.creates().set_writeback(&disk);
    writer = &add();
  }
  ~FullTier() { engine.store().check_invariants(); }
  FullTier(const FullTier&) = delete;
  FullTier& operator=(const FullTier&) = delete;

  OnePeer& add() {
    OnePeer& peer = *peers.emplace_back(std::make_unique<OnePeer>());
    auto [ours, theirs] = protocol::socket_pair().value();
    peer.socket = std::move(theirs);
    peer.client = engine.store().attach({.pid = 77, .uid = 1000}, shm::monotonic_now()).value();
    SessionRecord record;
    record.socket = std::move(ours);
    peer.session = Session::create(*loop, host, std::move(record)).value();
    peer.session->open(peer.client, Access::read_write, "test", protocol::duplicate(peer.release.get()).value());
    return peer;
  }
  /// Dirty objects, as many as there may be.
  void fill() {
    const std::vector<std::byte> bytes(kFiller);
    for (;; ++fillers) {
      const shm::NewObject object = {
          .id = id_of(kFirstFiller + fillers), .data_size = kFiller, .retention = Retention::keep};
      if (!engine.store().put_object(writer->client, object, bytes, {}, shm::monotonic_now())) break;
    }
    REQUIRE(fillers > 20);
    // And what is left is too little for one more.
    for (std::uint64_t n = 0;; ++n) {
      const shm::NewObject object = {
          .id = id_of(2 * kFirstFiller + n), .data_size = kPutBytes, .retention = Retention::keep};
      if (!engine.store().put_object(writer->client, object, std::span(bytes).first(kPutBytes), {},
                                     shm::monotonic_now()))
        break;
    }
  }
  /// The disk takes one of them; then the queue is served, as in a turn of the server.
  void write_one() {
    const SlotIndex slot = engine.store().rows().find(id_of(kFirstFiller + written++));
    REQUIRE(engine.store().sealed().written(slot, engine.store().rows().sealed_at(slot), 100 + written));
    turn();
  }
  void turn() {
    engine.creates().serve(shm::monotonic_now());
    puts.go_on();
    engine.store().check_invariants();
  }
  /// The client has written them: the first at the end of the lease, each with its number.
  void lease_with(std::uint64_t first, std::uint64_t count) {
    REQUIRE(engine.store().leases().lease(writer->client, kLease, kLeaseBytes, shm::monotonic_now()));
    std::span<std::byte> left = engine.store().rows().bytes(lease().value());
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::span<std::byte> piece = left.last(shm::Arena::taken_by(kPutBytes));
      std::ranges::fill(piece.first(kPutBytes), static_cast<std::byte>(first + i));
      left = left.first(left.size() - piece.size());
    }
  }
  /// Three objects, numbered from 1, out of a lease. They wait for the disk.
  void put_three_leased() {
    lease_with(1, 3);
    fill();
    const std::vector<PutHead> heads = heads_of(1, 3);
    puts.carry_out(*writer->session, {.request = 5, .lease = kLease, .heads = heads});
    REQUIRE(puts.waiting(writer->client));
  }
  [[nodiscard]] Result<SlotIndex> lease() { return engine.store().leases().find(writer->client, kLease); }
  [[nodiscard]] std::uint64_t left() { return engine.store().leases().bytes(lease().value()).size(); }
  [[nodiscard]] bool has(std::uint64_t number) { return engine.store().rows().find(id_of(number)) != shm::kNoSlot; }
  [[nodiscard]] bool is_whole(std::uint64_t number) {
    const SlotIndex slot = engine.store().rows().find(id_of(number));
    return slot != shm::kNoSlot && std::ranges::all_of(engine.store().rows().bytes(slot), [number](std::byte each) {
             return each == static_cast<std::byte>(number);
           });
  }

  NoHost host;
  Disk disk;
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  shm::Engine engine{
      shm::Store::create({.capacity = kFullTierBytes, .max_objects = 8192, .spill = true}, shm::monotonic_now())
          .value()};
  std::optional<Error> no_new_objects;
  std::vector<std::unique_ptr<OnePeer>> peers;
  OnePeer* writer = nullptr;
  OrderedPuts puts{engine,
                   [this](ClientId client) -> Session* {
                     for (const auto& peer : peers)
                       if (peer->client == client && peer->session != nullptr) return peer->session.get();
                     return nullptr;
                   },
                   no_new_objects};
  std::uint64_t fillers = 0;
  std::uint64_t written = 0;
};

constexpr std::uint64_t kPiece = 1024;  // Arena::taken_by(kPutBytes)

}  // namespace

TEST_CASE("ordered puts: out of a lease, each is cut off once, also those that waited for the disk") {
  FullTier tier;
  tier.put_three_leased();
  CHECK(tier.puts.waiting(tier.writer->client)->request == 5);
  CHECK(tier.left() == kLeaseBytes);
  CHECK(tier.writer->told().empty());
  for (int writes = 0; writes < 4 && tier.puts.waiting(tier.writer->client); ++writes) tier.write_one();
  REQUIRE_FALSE(tier.puts.waiting(tier.writer->client));
  for (const std::uint64_t number : {1, 2, 3}) CHECK(tier.is_whole(number));
  CHECK(tier.left() == kLeaseBytes - 3 * kPiece);
  CHECK(tier.writer->told() == std::vector<std::string>{"done"});
}

TEST_CASE("ordered puts: out of a lease that wait in vain, each is cut off once, and is refused") {
  FullTier tier;
  tier.put_three_leased();
  tier.disk.works = false;
  tier.engine.creates().give_up_disk(shm::monotonic_now());
  tier.puts.go_on();
  CHECK_FALSE(tier.puts.waiting(tier.writer->client));  // those behind the first do not wait, too
  for (const std::uint64_t number : {1, 2, 3}) CHECK_FALSE(tier.has(number));
  CHECK(tier.left() == kLeaseBytes - 3 * kPiece);
  CHECK(tier.writer->told() == std::vector<std::string>{"0: out_of_memory", "1: out_of_memory", "2: out_of_memory"});
}

TEST_CASE("ordered puts: of a lease that is taken back while they wait, none is made, and no room is lost") {
  FullTier tier;
  tier.put_three_leased();
  REQUIRE(tier.engine.store().abort(tier.writer->client, kLease));
  for (int writes = 0; writes < 4 && tier.puts.waiting(tier.writer->client); ++writes) tier.write_one();
  REQUIRE_FALSE(tier.puts.waiting(tier.writer->client));
  for (const std::uint64_t number : {1, 2, 3}) CHECK_FALSE(tier.has(number));
  CHECK(tier.writer->told() == std::vector<std::string>{"0: disconnected", "1: disconnected", "2: disconnected"});
  CHECK(tier.engine.store().stats(shm::monotonic_now()).unsealed_bytes == 0);
}

TEST_CASE("ordered puts: many clients that flood a full tier are each served in order, or refused, and leave nothing") {
  constexpr std::uint64_t kClients = 40;
  constexpr std::uint64_t kEach = 12;
  FullTier tier;
  tier.fill();
  const std::vector<std::byte> bytes(kEach * kPutBytes);
  for (std::uint64_t n = 0; n < kClients; ++n) {
    OnePeer& peer = tier.add();
    const std::vector<PutHead> heads = heads_of(100 * (n + 1), kEach);
    tier.puts.carry_out(*peer.session, {.request = n, .deferred = true, .heads = heads, .bytes = bytes});
    REQUIRE(tier.puts.waiting(peer.client));
  }
  CHECK(tier.engine.creates().count() == kClients);  // one object of each
  const auto in_order = [&] {
    for (std::uint64_t n = 0; n < kClients; ++n)
      for (std::uint64_t k = 1; k < kEach; ++k)
        if (tier.has(100 * (n + 1) + k) && !tier.has(100 * (n + 1) + k - 1)) return false;
    return true;
  };
  for (int writes = 0; writes < 10; ++writes) {
    tier.write_one();
    CHECK(in_order());
    CHECK(tier.engine.creates().count() <= kClients);
  }
  CHECK(tier.has(100));  // the client that came first was not passed over by the others' later puts
  const std::uint64_t there = tier.engine.store().stats(shm::monotonic_now()).total_objects;
  // Some leave.
  for (std::uint64_t n = 0; n < kClients; n += 3) {
    OnePeer& peer = *tier.peers.at(n + 1);
    peer.session.reset();
    tier.puts.forget(peer.client);
    tier.engine.drop_client(peer.client, shm::monotonic_now());
  }
  tier.turn();
  CHECK(tier.engine.store().stats(shm::monotonic_now()).total_objects >= there);
  tier.disk.works = false;
  tier.engine.creates().give_up_disk(shm::monotonic_now());
  tier.puts.go_on();
  CHECK(tier.engine.creates().count() == 0);
  for (std::uint64_t n = 0; n < kClients; ++n) {
    OnePeer& peer = *tier.peers.at(n + 1);
    if (peer.session == nullptr) continue;
    CHECK_FALSE(tier.puts.waiting(peer.client));
    std::uint64_t made = 0;
    for (std::uint64_t k = 0; k < kEach; ++k) made += tier.has(100 * (n + 1) + k) ? 1 : 0;
    CHECK(peer.told().size() == kEach - made);  // each other one was refused, by a notice
  }
  CHECK(tier.engine.store().stats(shm::monotonic_now()).unsealed_bytes == 0);
}

}  // namespace dolium::daemon
