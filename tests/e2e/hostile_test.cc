// Clients that violate the protocol. Each harms only itself: its session ends with one warning in the log, and other
// clients are not affected.

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <random>

#include "protocol/convert.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

std::vector<std::byte> bytes_of_words(std::initializer_list<std::uint32_t> words) {
  std::vector<std::byte> bytes;
  for (const std::uint32_t word : words)
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::byte>(word >> shift & 0xff));
  return bytes;
}

std::unique_ptr<protocol::NewObjectT> wire_object(const ObjectId& id, std::uint64_t size) {
  auto object = std::make_unique<protocol::NewObjectT>();
  object->id = protocol::to_wire_pointer(id);
  object->data_size = size;
  return object;
}

protocol::CreateRequestT create_request(const ObjectId& id, std::uint64_t size, std::uint64_t timeout_ns = 0) {
  protocol::CreateRequestT request;
  request.object = wire_object(id, size);
  request.timeout_ns = timeout_ns;
  return request;
}

protocol::GetRequestT waiting_get(const ObjectId& id) {
  protocol::GetRequestT request;
  request.ids.push_back(protocol::to_wire(id));
  request.timeout_ns = UINT64_MAX;
  return request;
}

/// Objects of 10 bytes, under id_of(0) and so on, each said to have `claimed_size`.
protocol::PutRequestT put_many_request(std::size_t count, std::uint32_t claimed_size = 10) {
  protocol::PutRequestT request;
  for (std::size_t n = 0; n < count; ++n)
    request.heads.emplace_back(protocol::to_wire(id_of(n)), 0, false, 0, protocol::Retention::store_default,
                               claimed_size, 0, 0, 0, 0, 0, 1);
  request.bytes.resize(10 * count);
  return request;
}

protocol::PutRequestT put_request(const ObjectId& id, std::uint32_t claimed_size, std::size_t real_size) {
  protocol::PutRequestT request;
  request.heads.emplace_back(protocol::to_wire(id), 0, false, 0, protocol::Retention::store_default, claimed_size, 0, 0,
                             0, 0, 0, 1);
  request.bytes.resize(real_size);
  return request;
}

std::uint64_t seed() {
  const char* given = std::getenv("DOLIUM_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device()();
}

/// Valid frames of every kind that changes or waits for something.
std::vector<std::vector<std::byte>> sample_frames(RawClient& raw) {
  protocol::SealRequestT seal;
  seal.id = protocol::to_wire_pointer(id_of("a"));
  seal.hold = true;
  protocol::RemoveRequestT remove;
  remove.id = protocol::to_wire_pointer(id_of("a"));
  protocol::PinRequestT pin;
  pin.id = protocol::to_wire_pointer(id_of(1));
  protocol::TakeRequestT take;
  take.id = protocol::to_wire_pointer(id_of("d"));
  take.timeout_ns = UINT64_MAX;
  protocol::CancelRequestT cancel;
  cancel.request_id = 12;
  return {raw.encode(11, create_request(id_of("a"), 1000)),
          raw.encode(12, waiting_get(id_of("b"))),
          raw.encode(13, put_request(id_of("c"), 50, 50)),
          raw.encode(14, put_many_request(3)),
          raw.encode(15, std::move(seal)),
          raw.encode(16, std::move(remove)),
          raw.encode(17, std::move(pin)),
          raw.encode(18, std::move(cancel)),
          raw.encode(19, protocol::ListRequestT()),
          raw.encode(20, protocol::SubscribeRequestT()),
          raw.encode(21, protocol::EvictRequestT()),
          raw.encode(22, std::move(take))};
}

}  // namespace

TEST_CASE("misbehaviour ends that session, with one warning") {
  struct Case {
    const char* name;
    bool after_hello;
    std::function<void(RawClient&)> misbehave;
    std::string says;  // the daemon's last words
  };
  const std::string announced = "the peer announced a frame of ";
  const std::string limit = " bytes; the limit is " + std::to_string(protocol::kMaxFrameBytes);
  const std::string too_early = "a request before HelloRequest or AdoptRequest, or one numbered 0";
  const std::vector<Case> cases = {
      {"a huge length", true, [](RawClient& raw) { raw.send(bytes_of_words({0xffffffff})); },
       announced + "4294967295" + limit},
      {"a length beyond the cap", true,
       [](RawClient& raw) { raw.send(bytes_of_words({protocol::kMaxFrameBytes + 1})); },
       announced + std::to_string(protocol::kMaxFrameBytes + 1) + limit},
      {"a length of nothing", true, [](RawClient& raw) { raw.send(bytes_of_words({0})); },
       "the peer sent a frame of zero bytes"},
      {"a huge length before hello", false, [](RawClient& raw) { raw.send(bytes_of_words({0xffffffff})); },
       announced + "4294967295" + limit},
      {"what does not verify", true,
       [](RawClient& raw) {
         raw.send(bytes_of_words({8, 0xdeadbeef, 0xdeadbeef}));
       },
       "an invalid message"},
      {"a request before hello", false, [](RawClient& raw) { raw.request(1, protocol::PingRequestT()); }, too_early},
      {"a wait for more objects than it names", true,
       [](RawClient& raw) {
         protocol::WaitRequestT wait;
         wait.ids.push_back(protocol::to_wire(id_of(1)));
         wait.count = 2;
         raw.request(2, std::move(wait));
       },
       "a wait for 2 of 1 objects"},
      {"a get of more objects than it names", true,
       [](RawClient& raw) {
         protocol::GetRequestT get = waiting_get(id_of(1));
         get.count = 2;
         raw.request(2, std::move(get));
       },
       "a get of 2 of 1 objects"},
      {"a message of the spill tier", true, [](RawClient& raw) { raw.request(2, protocol::TierHelloRequestT()); },
       "a TierHelloRequest from a session that is not the spill tier's"},
      {"a second hello", true, [](RawClient& raw) { raw.request(2, RawClient::hello_request()); },
       "a second HelloRequest"},
      {"a request numbered 0", true, [](RawClient& raw) { raw.request(0, protocol::PingRequestT()); }, too_early},
      {"the number of a waiting get", true,
       [](RawClient& raw) {
         raw.request(5, waiting_get(id_of("never")));
         raw.request(5, protocol::PingRequestT());
       },
       "request_id 5 is in use"},
      {"the number of a waiting create", true,
       [](RawClient& raw) {
         raw.request(5, create_request(id_of("fills"), kMiB));
         raw.request(6, create_request(id_of("waits"), 1000, UINT64_MAX));
         raw.request(6, protocol::PingRequestT());
       },
       "request_id 6 is in use"},
      {"the number of a subscription", true,
       [](RawClient& raw) {
         raw.request(5, protocol::SubscribeRequestT());
         raw.request(5, protocol::PingRequestT());
       },
       "request_id 5 is in use"},
      {"a put of other bytes than it says", true,
       [](RawClient& raw) { raw.request(5, put_request(id_of("a"), 100, 50)); },
       "puts whose sizes are not those of their bytes"},
      {"two puts that wait for room", true,
       [](RawClient& raw) {
         protocol::PutRequestT request = put_many_request(2);
         request.timeout_ns = UINT64_MAX;
         raw.request(5, std::move(request));
       },
       "a put that holds or waits, and is not a single one"},
      {"a deferred put whose object is to be held", true,
       [](RawClient& raw) {
         protocol::PutRequestT request = put_many_request(1);
         request.hold = request.deferred = true;
         raw.request(5, std::move(request));
       },
       "a put that holds or waits, and is not a single one"},
      {"puts of more bytes than there are", true,
       [](RawClient& raw) { raw.request(5, put_many_request(3, UINT32_MAX)); },
       "puts whose sizes are not those of their bytes"},
      {"a put with a label that is not among its bytes", true,
       [](RawClient& raw) {
         protocol::PutRequestT request = put_many_request(1);
         request.heads.front() = protocol::PutHead(protocol::to_wire(id_of("a")), 0, false, 255,
                                                   protocol::Retention::store_default, 10, 0, 0, 0, 0, 0, 1);
         raw.request(5, std::move(request));
       },
       "puts whose sizes are not those of their bytes"},
      {"puts of less bytes than there are", true, [](RawClient& raw) { raw.request(5, put_many_request(3, 9)); },
       "puts whose sizes are not those of their bytes"},
  };
  Daemon daemon({"--capacity=1MiB"});
  daemon.expect_misbehaviour();
  Worker bystander(daemon);
  bystander.tell("get coming forever");
  REQUIRE(daemon.waits(1, 0));
  const Census before = daemon.census();
  std::size_t warnings = 0;
  for (const Case& each : cases) {
    INFO(each.name);
    {
      RawClient raw(daemon.socket());
      if (each.after_hello) raw.hello();
      each.misbehave(raw);
      CHECK_THAT(raw.last_words(), Catch::Contains(each.says));
      ++warnings;
      CHECK(eventually([&] { return daemon.misbehaviours() == warnings; }));
      raw.send(raw.encode(9, protocol::ClearRequestT()));  // nobody listens any more
      CHECK(outcome(daemon.watcher()->ping()) == "ok");
      CHECK(daemon.census().waiting_gets == 1);
      CHECK(daemon.census().waiting_creates == 0);
    }
    CHECK(daemon.settled(before) == before);
    CHECK(daemon.misbehaviours() == warnings);
  }
  REQUIRE(outcome(daemon.watcher()->put(id_of("coming"), {})) == "ok");
  CHECK(bystander.reply() == "ok");
}

TEST_CASE("labels: the daemon refuses one that is too long or not UTF-8, whatever the client checks") {
  Daemon daemon({"--capacity=1MiB"});
  RawClient raw(daemon.socket());
  raw.hello();
  protocol::PutRequestT put;
  put.heads.emplace_back(protocol::to_wire(id_of("a")), 0, false, 2, protocol::Retention::store_default, 0, 0, 0, 0, 0,
                         0, 1);
  put.bytes = {0xff, 0x1b};
  raw.request(2, std::move(put));
  const auto* reply = raw.receive()->body_as_PutReply();
  REQUIRE(reply != nullptr);
  REQUIRE(reply->failures()->size() == 1);
  CHECK(reply->failures()->Get(0)->code() == protocol::ErrorCode::invalid_argument);
  for (const auto& [label, code] : {std::pair(std::string(256, 'l'), protocol::ErrorCode::too_large),
                                    std::pair(std::string("\xc3"), protocol::ErrorCode::invalid_argument)}) {
    protocol::CreateRequestT create;
    create.object = wire_object(id_of("a"), 10);
    create.object->label = label;
    raw.request(3, std::move(create));
    const auto* refused = raw.receive()->body_as_ErrorReply();
    REQUIRE(refused != nullptr);
    CHECK(refused->code() == code);
  }
  CHECK(daemon.stats().used_bytes == 0);
}

TEST_CASE("a quarantined session keeps its memory until its process can touch it no more") {
  Daemon daemon;
  daemon.expect_misbehaviour();
  const Census before = daemon.census();
  Worker worker(daemon);
  REQUIRE(worker.ask("put a 10000") == "ok");
  REQUIRE(worker.ask("misbehave a") == "ok");
  CHECK(eventually([&] { return daemon.misbehaviours() == 1; }));
  const auto quarantined = [&] {
    return std::ranges::count(daemon.watcher()->clients().value(), true, &ClientInfo::quarantined);
  };
  CHECK(quarantined() == 1);
  const Census kept = daemon.census();
  CHECK(kept.unsealed == 1);  // what it was writing
  CHECK(kept.in_use == 1);    // what its pin table says
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 0);
  CHECK(worker.ask("ping") == "ok");  // the process's other session is none of it
  SECTION("because it is dead") {
    worker.kill();
  }
  SECTION("because it has ended") {
    CHECK(worker.finish() == "exit 0");
  }
  CHECK(eventually([&] { return quarantined() == 0; }));
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 10'048);
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("random bytes, and valid frames with random damage, are survived") {
  const std::uint64_t start = seed();
  CAPTURE(start);
  std::mt19937_64 random(start);
  Daemon daemon({"--capacity=1MiB"});
  daemon.expect_misbehaviour();
  const Census before = daemon.census();
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    {
      RawClient raw(daemon.socket());
      if (round % 3 != 0) raw.hello();
      std::vector<std::byte> bytes;
      if (round % 2 == 0) {
        bytes.resize(random() % 2000);
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
        if (bytes.size() > 4) bytes[2] = bytes[3] = std::byte{0};  // a length that is believed
      } else {
        for (std::vector<std::byte> frame : sample_frames(raw)) {
          for (std::uint64_t flips = random() % 3; flips > 0; --flips)
            frame[4 + random() % (frame.size() - 4)] ^= static_cast<std::byte>(1U << random() % 8);
          bytes.insert(bytes.end(), frame.begin(), frame.end());
        }
      }
      raw.send(bytes);
      if (round % 5 == 0) REQUIRE(::shutdown(raw.fd(), SHUT_WR) == 0);
      REQUIRE(outcome(daemon.watcher()->ping()) == "ok");
    }
    if (round % 50 != 49) continue;
    REQUIRE(eventually([&] { return daemon.stats().client_count == before.clients; }));
    REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
    REQUIRE(daemon.settled(before) == before);
  }
}

TEST_CASE("descriptors that nobody asked for are refused or closed") {
  Daemon daemon;
  const Census before = daemon.census();
  RawClient raw(daemon.socket());
  raw.hello();
  const Census connected = daemon.census();
  const std::vector<int> many(200, STDERR_FILENO);
  if (!raw.send_with(raw.encode(2, protocol::PingRequestT()), many)) {
    CHECK(errno == EPERM);  // Linux 6.16 and later: they do not even leave the sender
    REQUIRE(raw.request(2, protocol::PingRequestT()));
    REQUIRE(raw.receive()->body_as_DoneReply() != nullptr);
    CHECK(daemon.settled(connected) == connected);
    return;
  }
  REQUIRE(raw.receive()->body_as_DoneReply() != nullptr);
  for (int n = 1; n < 5; ++n) {
    REQUIRE(raw.send_with(raw.encode(2, protocol::PingRequestT()), many));
    REQUIRE(raw.receive()->body_as_DoneReply() != nullptr);
  }
  CHECK(daemon.settled(connected) == connected);
  const std::vector<std::byte> frame = raw.encode(2, protocol::PingRequestT());
  REQUIRE(raw.send_with(std::span(frame).first(6), many));
  CHECK(daemon.settled(connected) == connected);
  raw.close();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a client that makes its release event blocking, and empties it itself, holds up nobody") {
  Daemon daemon;
  RawClient raw(daemon.socket());
  constexpr std::size_t kReleaseEvent = 3;
  const int event = raw.hello().at(kReleaseEvent).get();
  REQUIRE(::fcntl(event, F_SETFL, 0) == 0);  // the open file's flag: the daemon's descriptor has it too
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < deadline) {
    REQUIRE(::eventfd_write(event, 1) == 0);
    eventfd_t count = 0;
    const iovec into{&count, sizeof(count)};
    static_cast<void>(::preadv2(event, &into, 1, -1, RWF_NOWAIT));
  }
  CHECK(daemon.watcher()->stats().has_value());
}

TEST_CASE("a pin table full of lies keeps objects from eviction, is named, and ends with its writer") {
  Daemon daemon({"--capacity=1MiB"});
  const Census empty = daemon.census();
  put_numbered(*daemon.watcher(), 0, 10, 1000);
  const std::uint64_t used = daemon.census().used_bytes;
  {
    RawClient raw(daemon.socket());
    const shm::UniqueFd& table = raw.hello(Access::read_only)[2];
    const off_t size = ::lseek(table.get(), 0, SEEK_END);
    void* lies = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, table.get(), 0);
    REQUIRE(lies != MAP_FAILED);
    std::memset(lies, 0xff, static_cast<std::size_t>(size));
    CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 0);
    CHECK(outcome(daemon.watcher()->put(id_of("more"), pattern(1000))) == "ok");
    CHECK(outcome(daemon.watcher()->create(id_of("too much"), kMiB)) == "out_of_memory");
    CHECK(daemon.watcher()->remove(id_of(0)).value());
    const StoreStats stats = daemon.stats();
    CHECK(stats.in_use_count <= 11);
    CHECK(stats.used_bytes + stats.free_bytes == stats.capacity);
    const std::vector<ClientInfo> clients = daemon.watcher()->clients().value();
    const auto liar = std::ranges::find(clients, raw.session_id(), &ClientInfo::session_id);
    REQUIRE(liar != clients.end());
    CHECK(liar->objects_held >= 10);
    CHECK(daemon.watcher()->list().value().size() == 10);
    ::munmap(lies, static_cast<std::size_t>(size));
  }
  CHECK(eventually([&] { return daemon.census().clients == empty.clients; }));
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == used);
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("no client can change the size of what it was given") {
  Daemon daemon;
  RawClient raw(daemon.socket());
  const std::vector<shm::UniqueFd>& descriptors = raw.hello();
  REQUIRE(descriptors.size() == 5);
  for (const std::size_t memfd : {0U, 1U, 2U, 4U}) {
    CAPTURE(memfd);
    for (const off_t size : {off_t{0}, off_t{1} << 40}) CHECK(::ftruncate(descriptors[memfd].get(), size) != 0);
  }
  for (const std::size_t read_only : {0U, 1U}) {
    CAPTURE(read_only);
    CHECK(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[read_only].get(), 0) == MAP_FAILED);
    CHECK(::pwrite(descriptors[read_only].get(), "x", 1, 0) == -1);
  }
}
