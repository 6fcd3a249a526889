// Clients that do not read their messages. The daemon's queue for them is bounded, other clients are not affected, and
// they can catch up.

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "tests/client/store_under_test.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

// Once, a session that was paused when its client closed the connection stayed for ever.
TEST_CASE("who asks and never reads is not listened to for ever, and costs only itself") {
  Daemon daemon;
  put_numbered(*daemon.watcher(), 0, 1000, 0);
  const Census before = daemon.census();
  RawClient raw(daemon.socket());
  raw.hello();
  const std::vector<std::byte> frame = raw.encode(2, protocol::ListRequestT());  // some 100 KiB of answer
  bool paused = false;
  for (int n = 0; n < 1'000'000 && !paused; ++n) {
    if (::send(raw.fd(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) continue;
    REQUIRE(errno == EAGAIN);
    // The daemon has one thread: two answers to another client, and it had its chance to read on.
    for (int turn = 0; turn < 2; ++turn) REQUIRE(outcome(daemon.watcher()->ping()) == "ok");
    paused = ::send(raw.fd(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
  }
  CHECK(paused);
  CHECK(outcome(daemon.watcher()->put(id_of("a"), pattern(100))) == "ok");
  CHECK(daemon.watcher()->remove(id_of("a")).value());
  raw.close();
  CHECK(daemon.settled(before) == before);
  CHECK(daemon.misbehaviours() == 0);
}

// Once, the rest of the events stayed with the daemon, until there was a new one, when a flush emptied the wire.
TEST_CASE("a subscriber of another process that does not keep up finds one overflow, and goes on") {
  Daemon daemon({"--capacity=1MiB"});
  Worker slow(daemon);
  REQUIRE(slow.ask("subscribe") == "ok");
  std::vector<PutItem> items(1024);
  constexpr std::size_t kPuts = 3 * Subscription::kMaxQueued;
  for (std::size_t put = 0; put < kPuts; put += items.size()) {
    for (std::size_t i = 0; i < items.size(); ++i) items[i].id = id_of(put + i);
    REQUIRE(outcome(daemon.watcher()->put_many(items)) == "ok");
  }
  slow.tell("drain");  // up to the overflow
  CHECK_THAT(slow.reply(), Catch::StartsWith("ok ") && Catch::EndsWith(" 1"));
  REQUIRE(outcome(daemon.watcher()->put(id_of("last"), {})) == "ok");
  CHECK_THAT(slow.ask("drain last"), Catch::StartsWith("ok ") && Catch::EndsWith(" 0"));
}
