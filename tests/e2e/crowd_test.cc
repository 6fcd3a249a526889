// Hostile clients in large numbers. The daemon continues, its memory stays bounded, a bystander is served, and when
// they are gone all counts are as before.
//
// DOLIUM_CROWD raises the numbers, to ten thousand connections and a million creates (scripts/torture --long).

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <list>
#include <numeric>
#include <random>
#include <thread>

#include "protocol/convert.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/raw_client.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// How much the server's own memory may grow by, whatever the crowd does: for each connection, and for all the rest.
constexpr std::uint64_t kMaxKiBPerConnection = 64;
constexpr std::uint64_t kMaxKiBInAll = std::uint64_t{64} * 1024;

/// The server's memory but for what it shares with its clients, in KiB.
std::uint64_t private_kib(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string word; status >> word;)
    if (std::uint64_t kib = 0; word == "RssAnon:" && status >> kib) return kib;
  return 0;
}

/// Gets of a bystander, each timed.
class Bystander {
 public:
  explicit Bystander(const Daemon& daemon) : client_(daemon.connect({.follow_fork = false})) {
    REQUIRE(outcome(client_->put(id_of("bystander"), pattern(1000))) == "ok");
  }
  /// The 99th percentile of a round of gets, of which all must succeed, in nanoseconds.
  [[nodiscard]] std::int64_t p99() {
    using Clock = std::chrono::steady_clock;
    std::vector<std::int64_t> times(kGets);
    for (std::int64_t& time : times) {
      const auto begin = Clock::now();
      const bool got = client_->get_raw(id_of("bystander")).has_value();
      time = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
      if (!got) failed_ = true;
    }
    CHECK_FALSE(failed_);
    CHECK(outcome(client_->ping()) == "ok");
    std::ranges::nth_element(times, times.begin() + kGets * 99 / 100);
    return times[kGets * 99 / 100];
  }
  void leave() {
    REQUIRE(client_->remove(id_of("bystander")).value());
    client_.reset();
  }

 private:
  static constexpr std::ptrdiff_t kGets = 20'000;
  std::shared_ptr<Client> client_;
  bool failed_ = false;
};

/// What `crowd` does while a bystander gets; says what that cost the bystander and the server.
void disturb(Daemon& daemon, const char* what, std::uint64_t connections, const std::function<void()>& crowd) {
  Bystander bystander(daemon);
  const std::int64_t undisturbed = bystander.p99();
  const std::uint64_t before = private_kib(daemon.server());
  std::int64_t disturbed = 0;
  std::atomic<bool> done = false;
  std::thread gets([&] {
    do disturbed = std::max(disturbed, bystander.p99());
    while (!done);
  });
  crowd();
  done = true;
  gets.join();
  const std::uint64_t after = private_kib(daemon.server());
  CHECK(after < before + kMaxKiBInAll + connections * kMaxKiBPerConnection);
  bystander.leave();
  fmt::print("{}: bystander's get p99 {} ns, {} ns undisturbed; server's own memory {} KiB, {} KiB before\n", what,
             disturbed, undisturbed, after, before);
}

/// As many descriptors as there may be: for this process and for the daemons that it starts.
rlim_t raise_descriptor_limit() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  return limit.rlim_cur;
}

std::uint64_t crowd_of(std::uint64_t usual, std::uint64_t many) {
  return from_environment("DOLIUM_CROWD", 0) != 0 ? many : usual;
}

/// A client of which nothing is kept but the connection.
void attach(std::list<RawClient>& crowd, const Daemon& daemon) {
  RawClient& one = crowd.emplace_back(daemon.socket());
  REQUIRE(one.request(1, RawClient::hello_request()));
  REQUIRE(one.receive() != nullptr);
  static_cast<void>(one.take_descriptors());
}

/// How many clients each page of the list has; all of them are asked for.
std::vector<std::size_t> pages(RawClient& raw) {
  std::vector<std::size_t> sizes;
  protocol::ClientsRequestT request;
  do {
    REQUIRE(raw.request(2, request));
    const protocol::ReplyFrame* frame = raw.receive();
    REQUIRE(frame != nullptr);
    const auto* reply = frame->body_as_ClientsReply();
    REQUIRE(reply != nullptr);
    const std::uint64_t before = std::exchange(request.cursor, reply->next_cursor());
    sizes.push_back(reply->clients() == nullptr ? 0 : reply->clients()->size());
    CHECK((request.cursor == 0 || request.cursor > before));
  } while (request.cursor != 0);
  return sizes;
}

}  // namespace

TEST_CASE("crowd: thousands of clients are listed page by page, each once") {
  // Server and keeper need four descriptors for each.
  const std::uint64_t count = std::min<std::uint64_t>(2500, (raise_descriptor_limit() - 500) / 6);
  Daemon daemon({"--max-connections=20000"});
  const Census before = daemon.census();
  std::list<RawClient> crowd;
  while (crowd.size() < count) attach(crowd, daemon);
  const std::vector<ClientInfo> all = daemon.watcher()->clients().value();
  CHECK(all.size() == count + before.clients);
  CHECK(std::ranges::adjacent_find(all, std::ranges::greater_equal(), &ClientInfo::session_id) == all.end());
  const std::vector<std::size_t> many = pages(crowd.front());
  REQUIRE(many.size() > 2);
  CHECK(std::accumulate(many.begin(), many.end(), std::size_t{0}) == all.size());
  const std::size_t page = many.front();
  // A page that is just full has no other behind it.
  while (crowd.size() > page - before.clients) crowd.pop_back();
  REQUIRE(eventually([&] { return daemon.stats().client_count == page; }));
  CHECK(pages(crowd.front()) == std::vector{page});
  attach(crowd, daemon);
  CHECK(pages(crowd.front()) == std::vector{page, std::size_t{1}});
  CHECK(daemon.watcher()->clients().value().size() == page + 1);
  crowd.clear();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("crowd: of clients that use very much few are listed at a time") {
  constexpr std::size_t kUsed = 140'000;  // more slots than are looked at for one page
  const Daemon daemon({"--capacity=64MiB", "--max-objects=150000"});
  std::vector<PutItem> items(kUsed);
  for (std::size_t n = 0; n < kUsed; ++n) items[n].id = id_of(n);
  REQUIRE(daemon.watcher()->put_many(items).has_value());
  const std::shared_ptr<Client> reader = daemon.connect();
  for (const PutItem& item : items) REQUIRE(reader->get_raw(item.id).has_value());
  std::list<RawClient> last;
  attach(last, daemon);
  CHECK(pages(last.front()) == std::vector<std::size_t>{2, 1});
  CHECK(daemon.watcher()->clients().value().size() == 3);
}

TEST_CASE("crowd: connections that say nothing, or half a header, or half a frame") {
  // The daemon, as we, needs one descriptor for each that has not said hello.
  const std::uint64_t count = std::min<std::uint64_t>(crowd_of(500, 10'000), raise_descriptor_limit() - 500);
  Daemon daemon({"--max-connections=20000"});
  daemon.expect_misbehaviour();  // they are told that no hello came in time
  const Census before = daemon.census();
  std::list<RawClient> crowd;
  disturb(daemon, "connections", count, [&] {
    for (std::uint64_t n = 0; n < count; ++n) {
      RawClient& one = crowd.emplace_back(daemon.socket());
      const std::vector<std::byte> hello = one.encode(1, RawClient::hello_request());
      one.send(std::span(hello).first(std::array<std::size_t, 3>{0, 2, hello.size() / 2}[n % 3]));
    }
  });
  CHECK(outcome(daemon.watcher()->ping()) == "ok");
  CHECK_THAT(daemon.log(), !Catch::Contains("could not be accepted") && !Catch::Contains("turned away"));
  crowd.clear();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("crowd: creates without a seal") {
  const std::uint64_t count = crowd_of(20'000, 1'000'000);
  Daemon daemon({"--capacity=64MiB", "--max-objects=1000000"});
  const Census before = daemon.census();
  disturb(daemon, "creates without a seal", 1, [&] {
    RawClient raw(daemon.socket());
    raw.hello();
    std::uint64_t refused = 0;
    for (std::uint64_t n = 0; n < count; ++n) {
      protocol::CreateRequestT create;
      create.object = std::make_unique<protocol::NewObjectT>();
      create.object->id = protocol::to_wire_pointer(id_of(n));
      create.object->data_size = 64;
      REQUIRE(raw.request(n + 2, std::move(create)));
      const protocol::ReplyFrame* reply = raw.receive();
      REQUIRE(reply != nullptr);
      if (reply->body_as_ErrorReply() != nullptr) ++refused;
    }
    CHECK(refused == (count > 65'536 ? count - 65'536 : 0));  // WritableExtents::kMaxUnsealedPerClient
  });
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("crowd: random bytes in a pin table, while its owner and others work") {
  const std::uint64_t rounds = crowd_of(200, 20'000);
  const auto seed = static_cast<std::uint64_t>(from_environment("DOLIUM_SEED", 1));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Daemon daemon({"--capacity=1MiB", "--max-objects=2048"});
  const Census before = daemon.census();
  const std::shared_ptr<Client>& honest = daemon.watcher();
  REQUIRE(outcome(honest->put(id_of("kept"), pattern(5000))) == "ok");
  Object kept = honest->get_raw(id_of("kept")).value();
  {
    RawClient raw(daemon.socket());
    const shm::UniqueFd& table = raw.hello()[2];
    const auto size = static_cast<std::size_t>(::lseek(table.get(), 0, SEEK_END));
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, table.get(), 0);
    REQUIRE(memory != MAP_FAILED);
    const std::span words(static_cast<std::uint64_t*>(memory), size / sizeof(std::uint64_t));
    const auto scribble = [&] {
      for (int n = 0; n < 50; ++n) words[random() % words.size()] = random() % 3 == 0 ? 0 : random();
    };
    for (std::uint64_t round = 0; round < rounds; ++round) {
      scribble();
      // What an honest client holds is what it was, whatever the liar says of its row.
      const ObjectId id = id_of(round % 50);
      static_cast<void>(honest->remove(id));
      const Bytes bytes = pattern(100 + round % 3000, static_cast<std::uint32_t>(round));
      const Result<void> put = honest->put(id, bytes);
      if (!put) {  // full of what the liar holds
        CHECK(outcome(put) == "out_of_memory");
        std::ranges::fill(words, 0);
        continue;
      }
      const Object held = honest->get_raw(id).value();
      scribble();
      static_cast<void>(honest->evict(random() % 100'000));
      // The liar asks for things, too: its grants are as false as its references.
      protocol::GetRequestT get;
      get.ids.push_back(protocol::to_wire(id));
      REQUIRE(raw.request(2 + round, std::move(get)));
      REQUIRE(raw.receive() != nullptr);
      CHECK(same(held.data(), bytes));
      CHECK(same(honest->get_raw(id).value().data(), bytes));
    }
    scribble();  // the next server, which counts the liar's table, too, is not misled either
    const pid_t server = daemon.server();
    daemon.kill_server();
    REQUIRE(daemon.replaced(server));
    CHECK(same(kept.data(), pattern(5000)));
    CHECK(same(honest->get_raw(id_of("kept")).value().data(), pattern(5000)));
    CHECK(honest->stats().has_value());
    ::munmap(memory, size);
  }
  CHECK(eventually([&] { return daemon.stats().client_count == before.clients; }));
  kept = Object();
  REQUIRE(outcome(honest->clear()) == "ok");
  CHECK(eventually([&] { return daemon.stats().used_bytes == 0 && daemon.stats().in_use_count == 0; }));
}
