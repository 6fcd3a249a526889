// How a session begins, and when it is refused: different versions, in both directions.

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <future>

#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "protocol/listener.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// What a daemon of another release might answer to whoever connects first.
void answer_one(protocol::Listener& listener, std::vector<std::byte> frame) {
  REQUIRE(protocol::wait_readable(listener.fd(), protocol::kNoDeadline).value());
  const shm::UniqueFd connection = listener.accept().value();
  REQUIRE(protocol::wait_readable(connection.get(), protocol::kNoDeadline).value());
  protocol::FrameReader reader;
  while (!reader.next()) REQUIRE(reader.read_from(connection.get()));
  protocol::FrameWriter writer;
  REQUIRE(writer.push(frame));
  REQUIRE(writer.flush(connection.get()).value());
}

template <class Message>
std::vector<std::byte> frame_of(Message message) {
  protocol::Encoder encoder;
  const auto frame = encoder.encode(1, message).value();
  return {frame.begin(), frame.end()};
}

std::string refusal_of(const std::vector<std::byte>& answer) {
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "other.sock").string();
  protocol::Listener listener = protocol::Listener::open({.path = path}).value();
  auto client = std::async(std::launch::async, [&] { return Client::connect(path); });
  answer_one(listener, answer);
  const auto connected = client.get();
  return connected ? "connected" : to_string(connected.error());
}

}  // namespace

TEST_CASE("a stranger's socket where we look by default is not taken for a store") {
  if (::geteuid() != 0) return;  // nobody else can be two users
  constexpr uid_t kStranger = 61'001;
  constexpr uid_t kVictim = 61'002;
  const std::string directory = "/tmp/dolium-" + std::to_string(kVictim);
  std::filesystem::remove_all(directory);
  REQUIRE(::seteuid(kStranger) == 0);
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::all);
  auto listener = protocol::Listener::open({.path = directory + "/dolium.sock", .mode = 0666});
  REQUIRE(::seteuid(0) == 0);
  REQUIRE(listener.has_value());
  REQUIRE(::seteuid(kVictim) == 0);
  const auto connected = Client::connect(directory + "/dolium.sock");
  REQUIRE(::seteuid(0) == 0);
  std::filesystem::remove_all(directory);
  REQUIRE_FALSE(connected.has_value());
  CHECK(connected.error().code == Errc::permission_denied);
  CHECK_THAT(connected.error().message, Catch::Contains("user 61001"));
}

TEST_CASE("a client of another version is told so in words, and nothing is kept of it") {
  Daemon daemon;
  const Census before = daemon.census();
  for (const std::uint32_t version : {0U, protocol::kProtocolVersion - 1, protocol::kProtocolVersion + 1, UINT32_MAX}) {
    RawClient raw(daemon.socket());
    REQUIRE(raw.request(1, RawClient::hello_request(Access::read_write, version)));
    const protocol::ReplyFrame* frame = raw.receive();
    REQUIRE(frame != nullptr);
    REQUIRE(frame->body_as_ErrorReply() != nullptr);
    const Error error = protocol::from_wire(*frame->body_as_ErrorReply());
    CHECK(error.code == Errc::protocol_error);
    CHECK_THAT(error.message, Catch::Contains("version " + std::to_string(version)));
    CHECK_THAT(error.message, Catch::Contains("version " + std::to_string(protocol::kProtocolVersion)));
    CHECK(raw.receive() == nullptr);
  }
  CHECK(daemon.settled(before) == before);
  CHECK(daemon.misbehaviours() == 0);
}

TEST_CASE("a daemon of another version is recognised by the client") {
  protocol::HelloReplyT other;
  other.protocol_version = protocol::kProtocolVersion + 1;
  CHECK_THAT(refusal_of(frame_of(other)),
             Catch::StartsWith("protocol_error") &&
                 Catch::Contains("version " + std::to_string(protocol::kProtocolVersion + 1)));
}

TEST_CASE("a daemon that talks nonsense is an error, not a crash") {
  protocol::HelloReplyT nothing;  // of the right version, but without descriptors
  nothing.protocol_version = protocol::kProtocolVersion;
  CHECK_THAT(refusal_of(frame_of(nothing)),
             Catch::StartsWith("protocol_error") && Catch::Contains("the daemon sent 0 descriptors where "));
  CHECK_THAT(refusal_of(frame_of(protocol::DoneReplyT())),
             Catch::StartsWith("protocol_error: the daemon answered a question that was not asked"));
  std::vector<std::byte> garbage(100, std::byte{0xff});
  garbage[0] = std::byte{96};
  garbage[1] = garbage[2] = garbage[3] = std::byte{0};
  CHECK_THAT(refusal_of(garbage), Catch::StartsWith("disconnected") || Catch::StartsWith("protocol_error"));
}

TEST_CASE("a connection that ends before its hello is nobody's business") {
  Daemon daemon;
  const Census before = daemon.census();
  for (int n = 0; n < 20; ++n) {
    RawClient raw(daemon.socket());
    if (n % 2 == 0) REQUIRE(raw.send(std::vector<std::byte>(static_cast<std::size_t>(n % 4), std::byte{1})));
  }
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a client that does not take what came with its welcome is ended, and the log says why") {
  Daemon daemon;
  const Census before = daemon.census();
  RawClient deaf(daemon.socket());
  REQUIRE(deaf.request(1, RawClient::hello_request()));
  REQUIRE(eventually([&] { return daemon.stats().client_count == before.clients + 1; }));
  CHECK(eventually([&] { return daemon.stats().client_count == before.clients; }));  // in ten seconds
  CHECK(eventually([&] {
    return daemon.log().find("is ended: it does not take what came with its HelloReply") != std::string::npos;
  }));
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a copy of a session is given to the process whose session it is, and to nobody else") {
  Daemon daemon;
  const Census before = daemon.census();
  {
    RawClient parent(daemon.socket());
    parent.hello(Access::read_only);
    RawClient other(daemon.socket());
    other.hello();
    CHECK(parent.fork_token() != 0);
    CHECK(parent.fork_token() != other.fork_token());
    const auto refused = [&](std::uint64_t session, std::uint64_t token) {
      RawClient raw(daemon.socket());
      const protocol::ReplyFrame* frame = raw.hello_of(session, token);
      return frame != nullptr && frame->body_as_ErrorReply() != nullptr &&
             frame->body_as_ErrorReply()->code() == protocol::ErrorCode::permission_denied && raw.receive() == nullptr;
    };
    CHECK(refused(parent.session_id(), 0));
    CHECK(refused(parent.session_id(), parent.fork_token() + 1));
    CHECK(refused(parent.session_id(), other.fork_token()));
    CHECK(refused(parent.session_id() + 1000, parent.fork_token()));
    CHECK(refused(UINT64_MAX, 0));
    const pid_t child = ::fork();  // has the token, but is another process
    if (child == 0) ::_exit(refused(parent.session_id(), parent.fork_token()) ? 0 : 1);
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);

    RawClient copy(daemon.socket());
    const protocol::ReplyFrame* frame = copy.hello_of(parent.session_id(), parent.fork_token());
    REQUIRE(frame != nullptr);
    REQUIRE(frame->body_as_HelloReply() != nullptr);
    CHECK(frame->body_as_HelloReply()->session_id() != parent.session_id());
    CHECK(frame->body_as_HelloReply()->access() == protocol::AccessMode::read_only);  // not what was asked for
    CHECK(frame->body_as_HelloReply()->fork_token() != parent.fork_token());
    CHECK(copy.take_descriptors().size() == 2);
    REQUIRE(copy.request(1, protocol::AdoptRequestT()));
    REQUIRE(copy.request(2, protocol::PingRequestT()));
    frame = copy.receive();
    REQUIRE(frame != nullptr);
    CHECK(frame->request_id() == 2);
    CHECK(frame->body_as_DoneReply() != nullptr);
  }
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a copy of a session takes nothing but its adoption, and that once") {
  Daemon daemon;
  daemon.expect_misbehaviour();
  const Census before = daemon.census();
  {
    RawClient parent(daemon.socket());
    parent.hello();
    RawClient copy(daemon.socket());
    REQUIRE(copy.hello_of(parent.session_id(), parent.fork_token()) != nullptr);
    SECTION("a request before it") {
      REQUIRE(copy.request(2, protocol::PingRequestT()));
    }
    SECTION("a second hello before it") {
      REQUIRE(copy.request(2, RawClient::hello_request()));
    }
    SECTION("a second one") {
      REQUIRE(copy.request(2, protocol::AdoptRequestT()));
      REQUIRE(copy.request(3, protocol::AdoptRequestT()));
    }
    CHECK_FALSE(copy.last_words().empty());
    RawClient ordinary(daemon.socket());
    REQUIRE(ordinary.request(1, protocol::AdoptRequestT()));  // instead of a hello
    CHECK_FALSE(ordinary.last_words().empty());
    CHECK(eventually([&] { return daemon.misbehaviours() == 2; }));
  }
  CHECK(daemon.settled(before) == before);
}
