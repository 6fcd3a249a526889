// The limits that an operator sets, and which users may connect.

#include <unistd.h>

#include <catch2/catch.hpp>

#include "protocol/convert.h"
#include "shm/store/get_waits.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// Why a client could not connect: to_string(Error), or "connected".
std::string refusal(const Daemon& daemon, const ConnectOptions& options = {}) {
  const auto client = Client::connect(daemon.socket(), options);
  return client ? "connected" : to_string(client.error());
}

constexpr uid_t kOverflowUser = 65534;

/// A worker of another user. Precondition: the test runs as root.
Worker stranger(const Daemon& daemon) {
  Worker worker = Worker::unconnected(daemon);
  REQUIRE(worker.ask("become " + std::to_string(kOverflowUser)) == "ok");
  return worker;
}

bool can_become_others() {
  if (::geteuid() == 0) return true;
  WARN("skipped: only root can be another user");
  return false;
}

/// A daemon that others can reach, as far as the file system is concerned.
std::vector<std::string> reachable(std::vector<std::string> flags) {
  flags.emplace_back("--socket-mode=0666");
  return flags;
}

void open_directory(const Daemon& daemon) {
  std::filesystem::permissions(daemon.directory(), std::filesystem::perms(0755));
}

}  // namespace

TEST_CASE("max_connections: the next one is told why, and there is room again when one leaves") {
  Daemon daemon({"--max-connections=3"});
  const Census before = daemon.census();
  std::shared_ptr<Client> second = daemon.connect();
  const std::shared_ptr<Client> third = daemon.connect();
  const std::string why = refusal(daemon);
  CHECK_THAT(why, Catch::StartsWith("disconnected") && Catch::Contains("max_connections"));
  CHECK(outcome(third->ping()) == "ok");
  second.reset();
  CHECK(eventually([&] { return daemon.census().clients == before.clients + 1; }));
  CHECK(refusal(daemon) == "connected");
}

TEST_CASE("max_connections_per_user: as for all, for each") {
  Daemon daemon(reachable({"--max-connections-per-user=2", "--readers=*"}));
  const std::shared_ptr<Client> second = daemon.connect();
  CHECK_THAT(refusal(daemon), Catch::Contains("max_connections_per_user"));
  if (!can_become_others()) return;
  open_directory(daemon);
  Worker other = stranger(daemon);
  CHECK(other.ask("connect read_only") == "ok");
  CHECK(other.ask("connect read_only") == "ok");
  CHECK_THAT(other.ask("connect read_only"), Catch::Contains("max_connections_per_user"));
}

TEST_CASE("max_unsealed_bytes_per_client: counted for each client, given back by seal, abort and death") {
  Daemon daemon({"--max-unsealed-bytes-per-client=100000"});
  const Census before = daemon.census();
  Worker worker(daemon);
  CHECK(worker.ask("create a 100001") == "too_large");
  CHECK(worker.ask("put a 100001") == "too_large");
  CHECK(worker.ask("create a 60000") == "ok");
  CHECK(worker.ask("create b 60000") == "out_of_memory");
  CHECK(worker.ask("create b 60000 20") == "out_of_memory");
  CHECK(worker.ask("put small 1000") == "ok");
  CHECK(worker.ask("connect") == "ok");  // a session of its own
  CHECK(worker.ask("create b 60000") == "ok");
  CHECK(worker.ask("seal b") == "ok");
  CHECK(worker.ask("create c 60000") == "ok");
  CHECK(worker.ask("abort c") == "ok");
  CHECK(worker.ask("create c 99000") == "ok");
  worker.kill();
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("max_pinned_bytes_per_user: counted for all of a user's clients, whoever unpins") {
  Daemon daemon({"--max-pinned-bytes-per-user=100000"});
  const Census before = daemon.census();
  Worker worker(daemon);
  CHECK(worker.ask("put a 60000 pinned") == "ok");
  CHECK(worker.ask("put b 60000 pinned") == "out_of_memory");
  CHECK(worker.ask("create b 60000 pinned") == "out_of_memory");
  CHECK(worker.ask("put b 60000") == "ok");
  CHECK(worker.ask("pin b") == "out_of_memory");
  CHECK(outcome(daemon.watcher()->pin(id_of("b"))) == "out_of_memory");
  CHECK(outcome(daemon.watcher()->unpin(id_of("a"))) == "ok");
  CHECK(worker.ask("pin b") == "ok");
  CHECK(worker.ask("create c 30000 pinned") == "ok");
  worker.kill();  // the flag of what is sealed stays, what was unsealed gives back
  Census after = before;
  after.objects = 2;
  after.used_bytes = 2 * 60'032;
  after.pinned = 1;
  after.pinned_bytes = 60'032;
  CHECK(daemon.settled(after) == after);
  CHECK(outcome(daemon.watcher()->put(id_of("c"), pattern(30'000), {.pinned = true})) == "ok");
}

TEST_CASE("who may read and who may write is the daemon's to say, and the kernel's to prove") {
  if (!can_become_others()) return;
  SECTION("nobody but the daemon's own user, by default") {
    Daemon daemon(reachable({}));
    open_directory(daemon);
    Worker other = stranger(daemon);
    CHECK_THAT(other.ask("connect"), Catch::StartsWith("permission_denied"));
    CHECK_THAT(other.ask("connect read_only"), Catch::StartsWith("permission_denied"));
  }
  SECTION("readers read") {
    Daemon daemon(reachable({"--readers=" + std::to_string(kOverflowUser)}));
    open_directory(daemon);
    Worker other = stranger(daemon);
    CHECK_THAT(other.ask("connect"), Catch::StartsWith("permission_denied"));
    CHECK(other.ask("connect read_only") == "ok");
    Worker writer(daemon);
    REQUIRE(writer.ask("put a 1000") == "ok");
    CHECK(other.ask("get a") == "ok");
    CHECK(other.ask("put b 1000") == "permission_denied");
    CHECK(other.ask("memory") == "ok arena:r--s index:r--s mprotect:refused open:arena pins:rw-s rings:rw-s");
  }
  SECTION("writers write") {
    Daemon daemon(reachable({"--writers=@" + std::to_string(kOverflowUser)}));
    open_directory(daemon);
    Worker other = stranger(daemon);
    CHECK(other.ask("connect") == "ok");
    CHECK(other.ask("put b 1000") == "ok");
  }
  SECTION("the socket's mode comes first") {
    Daemon daemon({"--readers=*"});
    open_directory(daemon);
    Worker other = stranger(daemon);
    CHECK_THAT(other.ask("connect read_only"), Catch::StartsWith("permission_denied"));
  }
}

TEST_CASE("a get of more ids than one may name is told to ask in parts") {
  const Daemon daemon;
  RawClient raw(daemon.socket());
  raw.hello();
  protocol::GetRequestT request;
  request.ids.resize(shm::GetWaits::kMaxIds + 1);
  REQUIRE(raw.request(2, std::move(request)));
  const protocol::ReplyFrame* frame = raw.receive();
  REQUIRE(frame != nullptr);
  REQUIRE(frame->body_as_ErrorReply() != nullptr);
  const Error refused = protocol::from_wire(*frame->body_as_ErrorReply());
  CHECK(refused.code == Errc::invalid_argument);
  CHECK_THAT(refused.message, Catch::Contains("one get may name 65536 ids, not 65537: ask in parts"));
}
