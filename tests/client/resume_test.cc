// A client whose server dies at a moment that cannot be hit from outside. The server runs in this process
// (tests/fuzz/mini_server.h); it receives requests without answering them, and dies on command.

#include <poll.h>

#include <catch2/catch.hpp>
#include <future>
#include <optional>
#include <thread>

#include <dolium/client.h>

#include "protocol/listener.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/fuzz/mini_server.h"

using namespace dolium;

namespace {

class MortalServer {
 public:
  MortalServer() : server_(config()) {}

  [[nodiscard]] std::shared_ptr<Client> connect() {
    auto connecting = std::async(std::launch::async, [&] { return Client::connect(path()).value(); });
    return serve(connecting);
  }
  /// Takes what comes, and answers, until the call has returned.
  template <class T>
  [[nodiscard]] T serve(std::future<T>& call) {
    while (call.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      let_in();
      server_.turn();
    }
    return call.get();
  }
  /// Takes what comes, and answers nobody, until `done`.
  template <class Done>
  void listen_until(Done done) {
    while (!done()) server_.hear();
  }
  /// Answers until `done`.
  template <class Done>
  void serve_until(Done done) {
    while (!done()) {
      let_in();
      server_.small_turn();
    }
  }
  void be_succeeded() { server_.be_succeeded(); }
  /// Somebody asks to be let in.
  [[nodiscard]] bool is_knocked_at() const {
    pollfd listener{listener_.fd(), POLLIN, 0};
    return ::poll(&listener, 1, 0) == 1;
  }
  /// The first page of the store's index, as the keeper has it.
  [[nodiscard]] shm::Mapping header() {
    return shm::Mapping::map(server_.store().rows().index.segment().fd(), shm::kPageBytes,
                             shm::Mapping::Mode::read_write, "header")
        .value();
  }
  [[nodiscard]] StoreStats stats() { return server_.engine().stats(shm::monotonic_now()); }
  [[nodiscard]] bool has_open_session() const { return server_.open_count() != 0; }

 private:
  [[nodiscard]] std::string path() const { return (directory_.path() / "socket").string(); }
  static StoreConfig config() {
    StoreConfig config;
    config.capacity = 1024 * 1024;
    config.prefault = false;
    return config;
  }
  void let_in() {
    for (auto socket = listener_.accept(); socket && socket->valid(); socket = listener_.accept())
      server_.admit(*std::move(socket));
  }

  e2e::TemporaryDirectory directory_;
  protocol::Listener listener_ = protocol::Listener::open({.path = path()}).value();
  fuzz::MiniServer server_;
};

}  // namespace

TEST_CASE("a flush after a server's death takes the failures of before with it") {
  MortalServer server;
  const std::shared_ptr<Client> client = server.connect();
  const ObjectId id = ObjectId::from_name("a");
  REQUIRE(client->put_deferred(id, {}));
  REQUIRE(client->put_deferred(id, {}));  // fails
  auto looking = std::async(std::launch::async, [&] { return client->exists(ObjectId::from_name("b")); });
  CHECK_FALSE(server.serve(looking).value());  // its answer comes behind the failure's
  server.be_succeeded();
  auto flushing = std::async(std::launch::async, [&] { return client->flush(); });
  CHECK(server.serve(flushing).error().code == Errc::disconnected);
  REQUIRE(client->put_deferred(ObjectId::from_name("c"), {}));
  auto again = std::async(std::launch::async, [&] { return client->flush(); });
  CHECK(server.serve(again).value().empty());
}

TEST_CASE("an extent that was never heard of is given up, though the next server dies, too") {
  MortalServer server;
  const std::shared_ptr<Client> client = server.connect();
  auto creating = std::async(std::launch::async, [&] { return client->create(ObjectId::from_name("a"), 1000); });
  server.listen_until([&] { return server.stats().unsealed_count == 1; });
  server.be_succeeded();  // the client was told nothing
  CHECK(server.stats().unsealed_count == 1);
  const std::uint64_t session = client->session_id();
  // The client is let in again; what it then says about the extent, this server does not hear.
  server.serve_until([&] { return server.has_open_session(); });
  CHECK(creating.get().error().code == Errc::disconnected);
  server.be_succeeded();
  CHECK(server.stats().unsealed_count == 1);
  auto asking = std::async(std::launch::async, [&] { return client->ping(); });
  CHECK(server.serve(asking));
  CHECK(client->session_id() == session);
  CHECK(server.stats().unsealed_count == 0);
  CHECK(server.stats().used_bytes == 0);
}

TEST_CASE(
    "a store that is gone: after the session's end nothing is got, though nothing says that the store has ended") {
  std::optional<MortalServer> server(std::in_place);
  const std::shared_ptr<Client> client = server->connect();
  const ObjectId id = ObjectId::from_name("a");
  auto putting = std::async(std::launch::async, [&] { return client->put(id, {}); });
  REQUIRE(server->serve(putting));
  const Object held = client->get_raw(id).value();
  server.reset();  // as a server that ends this session, and does not let it in again
  CHECK(client->ping().error().code == Errc::disconnected);
  CHECK(client->get_raw(id).error().code == Errc::disconnected);
  CHECK_FALSE(client->try_get(id));
  CHECK(client->exists(id).error().code == Errc::disconnected);
  CHECK(client->get_many(std::span(&id, 1)).error().code == Errc::disconnected);
  CHECK(held.data().empty());  // still ours to look at
}

TEST_CASE(
    "a store that is gone: where its descriptors are kept, a get waits for who goes on with it, and ended is final") {
  MortalServer server;
  const std::shared_ptr<Client> client = server.connect();
  const ObjectId id = ObjectId::from_name("a");
  auto putting = std::async(std::launch::async, [&] { return client->put(id, {}); });
  REQUIRE(server.serve(putting));
  const shm::Mapping page = server.header();
  shm::OwnerWord& owner = reinterpret_cast<shm::IndexHeader*>(page.data())->owner;
  owner.set_descriptors_stored(true);
  REQUIRE(owner.own(shm::OwnerWord::kOwnerDied));  // as the kernel leaves it
  server.be_succeeded();
  auto getting = std::async(std::launch::async, [&] { return client->get_raw(id); });
  // A get that finds its object asks nobody; this one asks to be let in.
  while (!server.is_knocked_at()) std::this_thread::yield();
  REQUIRE(owner.own(1));
  CHECK(server.serve(getting));
  owner.end();
  REQUIRE_FALSE(owner.own(1));  // sticky
  CHECK(client->get_raw(id).error().code == Errc::disconnected);
  CHECK(client->exists(id).error().code == Errc::disconnected);
}
