// Readers that are stopped in the middle of a get while their object is removed or evicted, and its memory is reused.
// When they continue, they must see the bytes of one object, complete.

#include <catch2/catch.hpp>
#include <map>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// Where a reader stands, and whether its reference is counted there: then its object must stay, else it must not.
struct Stand {
  const char* point;
  bool counted;
};
constexpr Stand kStands[] = {{"looked-up", false}, {"counted", true}, {"held", true},      {"hit-recorded", true},
                             {"reading", true},    {"read", true},    {"releasing", true}, {"released", false}};

constexpr std::size_t kReadObjects = 6;
constexpr std::size_t kMaxReadBytes = 60'000;
constexpr std::uint64_t kReaderMemory = kMiB;

class Rewriter {
 public:
  Rewriter(const Daemon& daemon, Dice& dice) : client_(*daemon.watcher()), dice_(dice) {}

  void put(const std::string& name) {
    Bytes bytes(8 + dice_.below(kMaxReadBytes));
    fill_payload(bytes, id_of(name), ++generation_);
    REQUIRE(client_.remove(id_of(name)));
    REQUIRE(outcome(client_.put(id_of(name), bytes)) == "ok");
  }
  void put_what_is_read() {
    for (std::size_t n = 0; n < kReadObjects; ++n) put("read" + std::to_string(n));
  }
  /// What is read goes, in one way or the other.
  void drop() {
    if (dice_.below(2) == 0) {
      static_cast<void>(client_.evict(UINT64_MAX).value());
      return;
    }
    for (std::size_t n = 0; n < kReadObjects; ++n) REQUIRE(client_.remove(id_of("read" + std::to_string(n))));
  }
  /// Every byte that can be had is written, by others.
  void use_up() {
    for (std::uint64_t taken = 0; taken < kReaderMemory; taken += kMaxReadBytes / 2)
      put("other " + std::to_string(++generation_));
    static_cast<void>(client_.evict(UINT64_MAX).value());
  }

 private:
  Client& client_;
  Dice& dice_;
  std::uint64_t generation_ = 0;
};

/// Until the worker stands at its point. False when it has answered instead.
bool stands(const Worker& worker, const Process& process) {
  bool stopped = false;
  REQUIRE(eventually([&] { return (stopped = process.has_stopped()) || worker.has_reply(); }));
  return stopped;
}

}  // namespace

TEST_CASE("readers stopped in the middle of a get while its memory is reused read nothing torn") {
  const int rounds = from_environment("DOLIUM_FROZEN_READERS", 120);
  Dice dice;
  Daemon daemon({"--capacity=" + std::to_string(kReaderMemory), "--max-objects=64"});
  const Census empty = daemon.census();
  Rewriter rewriter(daemon, dice);
  std::map<std::string, int> stood;
  {
    std::vector<Worker> readers;
    for (int n = 0; n < 2; ++n) {
      readers.push_back(Worker::stepper(daemon));
      REQUIRE(readers.back().ask("connect") == "ok");
    }
    for (int round = 0; round < rounds; ++round) {
      rewriter.put_what_is_read();
      std::size_t counted = 0;
      for (Worker& reader : readers) {
        const Stand& stand = dice.any(kStands);
        CAPTURE(dice.seed(), round, stand.point);
        const std::string nth = std::to_string(1 + dice.below(10));
        REQUIRE(reader.ask("stop_at " + std::string(stand.point) + ' ' + nth) == "ok");
        reader.tell("consume read 20 " + std::to_string(kReadObjects));
        REQUIRE(stands(reader, reader.process()));
        ++stood[stand.point];
        counted += stand.counted ? 1 : 0;
      }
      rewriter.drop();
      const Census now = daemon.census();
      CHECK(now.retired + now.objects <= counted);  // all else is gone,
      CHECK((now.retired + now.objects > 0) == (counted > 0));
      rewriter.use_up();
      for (Worker& reader : readers) reader.process().thaw();
      for (Worker& reader : readers) REQUIRE_THAT(reader.reply(), Catch::StartsWith("ok "));
    }
    for (Worker& reader : readers) CHECK(reader.finish() == "exit 0");
  }
  for (const Stand& stand : kStands) {
    INFO(stand.point);
    CHECK(stood[stand.point] > 0);
  }
  REQUIRE(daemon.watcher()->clear());
  CHECK(daemon.settled(empty) == empty);
}
