// Keeper and server over their socket pair, in one process: messages arrive complete in both directions.

#include "daemon/process/keeper_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "daemon/server/session_record.h"

using namespace dolium;
using namespace dolium::daemon;
using Kind = KeeperMessage::Kind;

TEST_CASE("what is kept goes over with its descriptors, each message whole and in order") {
  const auto [ours, theirs] = KeeperLink::make_pair().value();
  const shm::UniqueFd event(::eventfd(5, EFD_CLOEXEC));
  const std::string text = std::string("a\0b\n", 4) + std::string(KeeperLink::kMaxText - 4, 'x');
  REQUIRE(ours.send(Kind::keep, 7, text, {event.get(), event.get()}));
  REQUIRE(ours.send(Kind::forget, UINT64_MAX));
  const KeeperMessage kept = theirs.receive().value();
  CHECK(kept.kind == Kind::keep);
  CHECK(kept.item.key == 7);
  CHECK(kept.item.text == text);
  REQUIRE(kept.item.descriptors.size() == 2);
  std::uint64_t count = 0;
  REQUIRE(::read(kept.item.descriptors[1].get(), &count, sizeof(count)) == sizeof(count));
  CHECK(count == 5);  // the same open file
  const KeeperMessage forgotten = theirs.receive().value();
  CHECK(forgotten.kind == Kind::forget);
  CHECK(forgotten.item.key == UINT64_MAX);
  CHECK(forgotten.item.descriptors.empty());
}

TEST_CASE("what was sent before its sender died is there, and then the end") {
  auto [ours, theirs] = KeeperLink::make_pair().value();
  REQUIRE(ours.send(Kind::ready, 0));
  ours = KeeperLink();
  CHECK(theirs.receive().value().kind == Kind::ready);
  CHECK(theirs.receive().value().kind == Kind::none);
  CHECK_FALSE(theirs.send(Kind::start, 0));  // and no SIGPIPE
}

TEST_CASE("what was sent before its sender died is there, also when that left messages of ours unread") {
  auto [ours, theirs] = KeeperLink::make_pair().value();
  REQUIRE(theirs.send(Kind::start, 0));
  REQUIRE(ours.send(Kind::keep, 7));
  REQUIRE(ours.send(Kind::ready, 0));
  ours = KeeperLink();
  CHECK(theirs.receive().value().item.key == 7);
  CHECK(theirs.receive().value().kind == Kind::ready);
  CHECK(theirs.receive().value().kind == Kind::none);
}

TEST_CASE("a socket that an event loop has made non-blocking loses nothing when the other end is slow") {
  auto [ours, theirs] = KeeperLink::make_pair().value();
  ::fcntl(ours.fd(), F_SETFL, ::fcntl(ours.fd(), F_GETFL) | O_NONBLOCK);
  constexpr std::uint64_t kMany = 5000;  // far more than the kernel takes at once
  auto sending = std::async(std::launch::async, [&ours = ours] {
    for (std::uint64_t key = 0; key < kMany; ++key)
      if (!ours.send(Kind::keep, key, std::string(100, 'x'))) return key;
    return kMany;
  });
  // The other end does not read before the first end has nowhere to put another message.
  pollfd room{ours.fd(), POLLOUT, 0};
  while (::poll(&room, 1, 0) > 0 && sending.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    std::this_thread::yield();
  for (std::uint64_t key = 0; key < kMany; ++key) REQUIRE(theirs.receive().value().item.key == key);
  CHECK(sending.get() == kMany);
}

TEST_CASE("more than a message holds is refused") {
  const auto [ours, theirs] = KeeperLink::make_pair().value();
  CHECK_FALSE(ours.send(Kind::keep, 1, std::string(KeeperLink::kMaxText + 1, 'x')));
  CHECK_FALSE(ours.send(Kind::keep, 1, {}, std::vector<int>(KeeperLink::kMaxDescriptors + 1, 0)));
}

TEST_CASE("a session's record is what it was, and nothing else is taken for one") {
  const SessionRecord record{.client = 3,
                             .attached = 1234567890123,
                             .token = UINT64_MAX,
                             .access = Access::read_only,
                             .name = std::string("na\0me", 5),
                             .peer = {.credentials = {.pid = 42, .uid = 1000, .gid = 100},
                                      .permission = Permission::read_only,
                                      .command = "worker",
                                      .user = "somebody"},
                             .origin = {7, "web-1", "trainer-0"}};
  const std::string text = record.to_text();
  const SessionRecord back = SessionRecord::from_text(text).value();
  CHECK(back.client == 3);
  CHECK(back.attached == 1234567890123);
  CHECK(back.token == UINT64_MAX);
  CHECK(back.access == Access::read_only);
  CHECK(back.name == record.name);
  CHECK(back.peer.credentials.pid == 42);
  CHECK(back.peer.credentials.uid == 1000);
  CHECK(back.peer.credentials.gid == 100);
  CHECK(back.peer.permission == Permission::read_only);
  CHECK(back.peer.command == "worker");
  CHECK(back.peer.user == "somebody");
  CHECK(back.origin == record.origin);
  for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(SessionRecord::from_text(text.substr(0, size)));
  CHECK_FALSE(SessionRecord::from_text(text + "x"));
  CHECK_FALSE(SessionRecord::from_text("\x7f" + text.substr(1)));  // another version's
}
