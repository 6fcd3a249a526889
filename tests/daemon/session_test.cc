// A session over a socketpair, without a server: its reaction to a peer's messages, and its end.

#include "daemon/server/session.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>

#include "protocol/fd_socket.h"

namespace dolium::daemon {
namespace {

using State = Session::State;

constexpr std::uint64_t kToken = 77;

/// Keeps what a session tells, and answers each ping.
class RecordingHost final : public Session::Host {
 public:
  void on_request(Session& session, const protocol::RequestFrame& request) override {
    requests.push_back(request.request_id());
    if (reply_bytes == 0) return session.reply(request.request_id(), protocol::DoneReplyT());
    session.reply_error(request.request_id(), {Errc::not_found, std::string(reply_bytes, 'x')});
  }
  void on_silenced(Session&) override { ++silenced; }
  void on_misbehaviour(Session&, const Error& what) override { complaints.push_back(what.message); }
  void on_release() override { ++releases; }
  void on_ended(Session&) override { ++ended; }
  void on_dirty(Session&) override { dirty = true; }
  void on_awake(Session&) override { ++awake; }
  void on_without_rings(Session&, const Error&) override {}
  void on_refused(Session&, const Error&) override {}

  std::vector<std::uint64_t> requests;
  std::vector<std::string> complaints;
  std::size_t reply_bytes = 0;
  int silenced = 0, releases = 0, ended = 0, awake = 0;
  bool dirty = false;
};

struct SessionFixture {
  SessionFixture() {
    auto [ours, theirs] = protocol::socket_pair().value();
    peer = std::move(theirs);
    session_fd = ours.get();
    process = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC));  // stands for a pidfd: readable when the process is gone
    SessionRecord record;
    record.socket = std::move(ours);
    session = Session::create(*loop, host, std::move(record)).value();
  }
  /// Turns of the loop, with the pump between them that a server would give.
  void turn(int times = 3) {
    for (int i = 0; i < times; ++i) {
      uv_run(loop->get(), UV_RUN_NOWAIT);
      if (std::exchange(host.dirty, false)) session->pump();
    }
  }
  void send(std::span<const std::byte> bytes) const {
    REQUIRE(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  std::vector<std::byte> ping(std::uint64_t id) {
    const auto frame = encoder.encode(id, protocol::PingRequestT()).value();
    return {frame.begin(), frame.end()};
  }
  /// As for a client of its own; without a process as for a child's.
  void open(bool with_process = true) {
    if (with_process) REQUIRE(session->watch_process(protocol::duplicate(process.get()).value()));
    release = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    session->open(1, Access::read_write, "test", protocol::duplicate(release.get()).value(), kToken);
  }

  [[nodiscard]] int session_socket() const { return session_fd; }

  RecordingHost host;
  int session_fd = -1;
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  shm::UniqueFd peer, process, release;
  protocol::Encoder encoder;
  std::unique_ptr<Session> session;
};

}  // namespace

TEST_CASE("requests are taken in order, however the bytes are cut") {
  SessionFixture fixture;
  std::vector<std::byte> bytes;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    const auto frame = fixture.ping(id);
    bytes.insert(bytes.end(), frame.begin(), frame.end());
  }
  for (const std::byte& each : bytes) {
    fixture.send({&each, 1});
    fixture.turn(1);
  }
  fixture.turn();
  CHECK(fixture.host.requests == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(fixture.session->state() == State::greeting);
}

TEST_CASE("a paused session takes its requests later, in order, sends replies, and hears its end") {
  SessionFixture fixture;
  fixture.open();
  fixture.send(fixture.ping(1));
  fixture.turn();
  fixture.session->pause();
  fixture.send(fixture.ping(2));
  fixture.send(fixture.ping(3));
  fixture.session->reply(9, protocol::DoneReplyT());
  fixture.turn();
  CHECK(fixture.host.requests == std::vector<std::uint64_t>{1});
  CHECK(fixture.session->wire().unsent_bytes() == 0);
  SECTION("it continues") {
    fixture.session->go_on();
    fixture.turn();
    CHECK(fixture.host.requests == std::vector<std::uint64_t>{1, 2, 3});
  }
  SECTION("its connection is closed") {
    fixture.peer.reset();
    fixture.turn();
    CHECK(fixture.host.ended == 1);
    CHECK(fixture.host.requests == std::vector<std::uint64_t>{1});
  }
  SECTION("its connection is closed by a client that has read everything") {
    std::array<std::byte, 256> replies{};
    REQUIRE(::recv(fixture.peer.get(), replies.data(), replies.size(), 0) > 0);
    fixture.peer.reset();
    fixture.turn();
    CHECK(fixture.host.ended == 1);
  }
}

TEST_CASE("nonsense ends a session that had no client yet, with one complaint") {
  SessionFixture fixture;
  const std::array<std::byte, 12> nonsense{std::byte{8}};
  fixture.send(nonsense);
  fixture.turn();
  CHECK(fixture.session->state() == State::ended);
  CHECK(fixture.host.complaints.size() == 1);
  CHECK(fixture.host.ended == 1);
}

TEST_CASE("nonsense quarantines a session whose process may still touch its memory") {
  SessionFixture fixture;
  fixture.open();
  const std::array<std::byte, 12> nonsense{std::byte{8}};
  fixture.send(nonsense);
  fixture.turn();
  CHECK(fixture.session->state() == State::quarantined);
  CHECK(fixture.host.silenced == 1);
  CHECK(fixture.host.ended == 0);
  SECTION("until its connection is closed") {
    fixture.peer.reset();
  }
  SECTION("until its process is gone") {
    ::eventfd_write(fixture.process.get(), 1);
  }
  fixture.turn();
  CHECK(fixture.host.ended == 1);
}

TEST_CASE("a session's record: a client that misbehaved cannot resume its session with the next server") {
  SessionFixture fixture;
  fixture.open();
  CHECK(fixture.session->record().token == kToken);
  fixture.session->misbehaved({Errc::protocol_error, "nonsense"});
  CHECK(fixture.session->record().token == 0);
}

TEST_CASE("a session's record: a client that resumes its session was connected all the time") {
  SessionFixture fixture;
  fixture.open();
  auto [ours, theirs] = protocol::socket_pair().value();
  SessionRecord record;
  record.client = 9;
  record.attached = 1234;
  record.token = kToken;
  record.name = "resumed";
  record.socket = std::move(ours);
  record.release_event = protocol::duplicate(fixture.release.get()).value();
  const std::unique_ptr<Session> orphan = Session::orphan(*fixture.loop, fixture.host, std::move(record)).value();
  CHECK(orphan->state() == State::orphaned);
  auto [new_ours, new_theirs] = protocol::socket_pair().value();
  SessionRecord connection;
  connection.attached = 5678;
  connection.socket = std::move(new_ours);
  const std::unique_ptr<Session> heir = Session::create(*fixture.loop, fixture.host, std::move(connection)).value();
  heir->replace(*orphan);
  CHECK(heir->is_open());
  CHECK(heir->client() == 9);
  CHECK(heir->record().attached == 1234);
  CHECK(heir->record().token == kToken);
  CHECK(heir->record().name == "resumed");
  CHECK(orphan->state() == State::ended);
  CHECK_FALSE(orphan->attached());
}

TEST_CASE("a peer that only sends no more is silenced; one that closed is ended") {
  SessionFixture fixture;
  fixture.open();
  ::shutdown(fixture.peer.get(), SHUT_WR);
  fixture.turn();
  CHECK(fixture.session->state() == State::half_closed);
  CHECK(fixture.host.silenced == 1);
  fixture.turn(10);
  CHECK(fixture.host.ended == 0);
  fixture.peer.reset();
  fixture.turn();
  CHECK(fixture.host.ended == 1);
}

TEST_CASE("the death of its process ends a session whose connection a child still has") {
  SessionFixture fixture;
  fixture.open();
  ::eventfd_write(fixture.process.get(), 1);
  fixture.turn();
  CHECK(fixture.host.ended == 1);
  CHECK(fixture.session->state() == State::ended);
}

TEST_CASE("a client that does not read its replies is not listened to, and goes on when it has") {
  SessionFixture fixture;
  fixture.open();
  fixture.host.reply_bytes = 64 * 1024;
  std::vector<std::byte> requests;
  constexpr std::uint64_t kRequests = 200;
  for (std::uint64_t id = 1; id <= kRequests; ++id) {
    const auto frame = fixture.ping(id);
    requests.insert(requests.end(), frame.begin(), frame.end());
  }
  fixture.send(requests);
  fixture.turn(50);
  const std::size_t taken_unread = fixture.host.requests.size();
  CHECK(taken_unread < kRequests);
  std::vector<std::byte> sink(1 << 20);
  for (int i = 0; i < 1000 && fixture.host.requests.size() < kRequests; ++i) {
    while (::recv(fixture.peer.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
    }
    fixture.turn();
  }
  CHECK(fixture.host.requests.size() == kRequests);
  CHECK(fixture.host.complaints.empty());
}

TEST_CASE("a session for a child outlives who asked for it, until the child says which process it is") {
  SessionFixture fixture;
  fixture.open(false);
  fixture.session->await_adoption();
  CHECK(fixture.session->state() == State::unadopted);
  ::eventfd_write(fixture.process.get(), 1);  // the parent goes
  fixture.turn();
  CHECK(fixture.host.ended == 0);
  fixture.send(fixture.ping(1));
  fixture.turn();
  REQUIRE(fixture.host.requests.size() == 1);
  CHECK(fixture.session->wire().sender() == ::getpid());
  const shm::UniqueFd heir(::eventfd(0, EFD_CLOEXEC));
  SECTION("and then it ends with that process") {
    fixture.session->adopt(::getpid(), protocol::duplicate(heir.get()).value());
    CHECK(fixture.session->is_open());
    CHECK(fixture.session->record().peer.credentials.pid == ::getpid());
    CHECK(fixture.session->record().peer.command == "daemon_tests");
    fixture.turn();
    CHECK(fixture.host.ended == 0);
    ::eventfd_write(heir.get(), 1);
  }
  SECTION("or with its connection, if that process cannot be watched") {
    fixture.session->adopt(0, shm::UniqueFd());
    CHECK(fixture.session->is_open());
    fixture.turn();
    CHECK(fixture.host.ended == 0);
    fixture.peer.reset();
  }
  SECTION("or with its connection, if it never says so") {
    fixture.peer.reset();
  }
  SECTION("or quarantined, with its connection") {
    const std::array<std::byte, 12> nonsense{std::byte{8}};
    fixture.send(nonsense);
    fixture.turn();
    CHECK(fixture.session->state() == State::quarantined);
    CHECK(fixture.host.ended == 0);
    fixture.peer.reset();
  }
  fixture.turn();
  CHECK(fixture.host.ended == 1);
  CHECK(fixture.session->state() == State::ended);
}

TEST_CASE("a write to the release descriptor is passed on") {
  SessionFixture fixture;
  fixture.open();
  ::eventfd_write(fixture.release.get(), 1);
  fixture.turn();
  CHECK(fixture.host.releases == 1);
}

TEST_CASE("descriptors that ride where none belong are closed") {
  SessionFixture fixture;
  fixture.open();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const shm::UniqueFd reader(ends[0]);
  protocol::FrameWriter writer;
  std::vector<shm::UniqueFd> attached;
  attached.emplace_back(ends[1]);
  REQUIRE(writer.push(fixture.ping(1), std::move(attached)));
  REQUIRE(writer.flush(fixture.peer.get()).value());
  fixture.turn();
  CHECK(fixture.host.requests.size() == 1);
  char byte = 0;
  CHECK(::read(reader.get(), &byte, 1) == 0);  // end of file: nobody has the writing end any more
}

// ---- through rings ----

namespace {

struct RingFixture : SessionFixture {
  RingFixture() {
    open();
    session->use_rings(segment.map(shm::Mapping::Mode::read_write).value());
    session->reply(1, protocol::DoneReplyT());  // as the welcome: the last that goes through the socket
    session->pump();
    std::array<char, 100> welcome;
    REQUIRE(::recv(peer.get(), welcome.data(), welcome.size(), MSG_DONTWAIT) > 0);
    channel.use_rings(segment.map(shm::Mapping::Mode::read_write).value(), protocol::RingPair::Side::client);
  }
  void ask(std::uint64_t id) {
    REQUIRE(writer.push(ping(id)));
    REQUIRE(*channel.flush(peer.get(), writer));
  }
  std::uint64_t answer() {
    REQUIRE(channel.read(peer.get(), reader, protocol::Channel::Look::everywhere));
    const auto payload = reader.next();
    return payload ? protocol::decode<protocol::ReplyFrame>(*payload).value()->request_id() : 0;
  }

  shm::Segment segment = shm::Segment::create("rings", protocol::RingPair::kBytes).value();
  protocol::Channel channel;
  protocol::FrameWriter writer;
  protocol::FrameReader reader;
};

}  // namespace

TEST_CASE("through rings requests are polled for, and a session at rest is woken by a bell") {
  RingFixture fixture;
  CHECK(fixture.host.awake == 1);
  CHECK_FALSE(fixture.session->poll());
  fixture.ask(7);
  CHECK(fixture.session->poll());
  fixture.session->pump();
  CHECK(fixture.answer() == 7);
  fixture.ask(8);
  CHECK_FALSE(fixture.session->rest());  // not over a request
  CHECK(fixture.session->poll());
  CHECK(fixture.session->rest());
  fixture.ask(9);
  fixture.turn();
  CHECK(fixture.host.requests == std::vector<std::uint64_t>{7, 8, 9});
  CHECK(fixture.answer() == 8);
  CHECK(fixture.answer() == 9);
  CHECK(fixture.host.complaints.empty());
}

TEST_CASE("through rings, who does not read its replies is not listened to, and not polled for") {
  RingFixture fixture;
  fixture.host.reply_bytes = 100'000;
  for (std::uint64_t id = 1; id <= 20; ++id) fixture.ask(id);
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(fixture.session->poll());
    fixture.session->pump();
  }
  const std::size_t taken = fixture.host.requests.size();
  CHECK(taken < 20);
  CHECK_FALSE(fixture.session->poll());
  CHECK(fixture.session->rest());
  // It reads: with each piece it rings, and in the end all are answered.
  std::uint64_t last = 0;
  for (int i = 0; i < 1000 && last != 20; ++i) {
    if (const std::uint64_t id = fixture.answer(); id != 0) last = id;
    static_cast<void>(fixture.session->poll());
    fixture.turn(1);
  }
  CHECK(last == 20);
}

TEST_CASE("a session ends though its peer vanished with more unread on both sides than one look takes") {
  RingFixture fixture;
  fixture.session->reply(2, protocol::DoneReplyT());
  fixture.session->pump();
  REQUIRE(::send(fixture.session_socket(), "x", 1, MSG_NOSIGNAL) == 1);  // unread at its end: it vanishes with an error
  fixture.send(std::vector<std::byte>(5000));                            // bells without end
  fixture.peer.reset();
  fixture.turn(100);
  CHECK(fixture.session->state() == State::ended);
}

TEST_CASE("a client that spoils its rings is ended, and what it holds is kept") {
  RingFixture fixture;
  const shm::Mapping memory = fixture.segment.map(shm::Mapping::Mode::read_write).value();
  reinterpret_cast<protocol::RingWords*>(memory.data())->written.store(UINT64_MAX);
  CHECK(fixture.session->poll());
  CHECK(fixture.session->state() == State::quarantined);
  CHECK(fixture.host.complaints.size() == 1);
}

}  // namespace dolium::daemon
