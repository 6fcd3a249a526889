// Many clients at a spill tier at once: nothing waits for ever, and nothing is refused that the disk can help.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <random>

#include "daemon/tier/tier.h"
#include "tests/daemon/fake_spiller.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;
using shm::SlotIndex;
using shm::TimeNs;
using shm::test::id_of;
using shm::test::kKiB;
using shm::test::kSecond;

namespace {

constexpr std::uint64_t kCrowdMemory = 512 * kKiB;
constexpr std::uint64_t kCrowdObjectBytes = 8 * kKiB;
constexpr std::uint64_t kObjects = 5 * kCrowdMemory / kCrowdObjectBytes;  // five times the memory
constexpr TimeNs kTurn = 1'000'000;

/// The answer to a request.
struct Answer {
  std::string text;   // empty as long as it waits; "+" for each object that came with its bytes, or the error
  std::string cause;  // of the error
  TimeNs at = 0;
};

struct Crowd {
  Crowd()
      : engine(shm::Store::create({.capacity = kCrowdMemory, .max_objects = 1024, .spill = true}, now).value()),
        store(engine.store()),
        spiller(engine) {
    tier.emplace(engine, TierOptions{.token = {1, 2}},
                 TierLine{.send = [this](shm::ClientId, std::uint64_t,
                                         protocol::TierWorkNoticeT work) { spiller.take(std::move(work)); },
                          .end_catalogue = {},  // at once, for so few objects
                          .is_behind = [] { return false; }});
    writer = store.attach({.pid = 1, .uid = 9}, now).value();
    REQUIRE(spiller.connect(*tier, moment()));
    turn();
  }
  ~Crowd() { store.check_invariants(); }

  [[nodiscard]] shm::Moment moment() const {
    return {now, std::chrono::system_clock::time_point(std::chrono::nanoseconds(now))};
  }
  /// As the server's turn.
  void turn() {
    now += kTurn;
    if (engine.next_deadline() <= now) engine.tick(now);
    engine.settle(now);
    tier->work(moment());
    while (!held.empty() && held.begin()->first <= now) {
      for (const SlotIndex slot : held.begin()->second) store.usage().drop_hold(slot);
      held.erase(held.begin());
    }
  }
  /// Turns until `done()`, with a spiller that works in every n-th one.
  template <class Done>
  bool run(Done&& done, int spiller_every = 1, int turns = 100'000) {
    for (int i = 0; i < turns && !done(); ++i) {
      turn();
      if (i % spiller_every == 0) spiller.work(*tier, now);
    }
    return done();
  }
  void run_for(TimeNs time) {
    const TimeNs end = now + time;
    REQUIRE(run([&] { return now >= end; }));
  }

  Answer& create(std::uint64_t number, std::uint64_t size, TimeNs patience, Retention retention) {
    Answer& answer = *answers.emplace_back(std::make_unique<Answer>());
    const auto done = [this, number, size, &answer](const Result<shm::Placement>& placed) {
      answer = {placed ? "+" : std::string(to_string(placed.error().code)),
                placed ? "" : std::string(to_string(placed.error().cause)) + ": " + placed.error().message, now};
      if (!placed) return;
      std::ranges::fill(store.rows().memory.bytes(placed->offset, size), static_cast<std::byte>(number));
      REQUIRE(store.seal(writer, id_of(number), now));
    };
    const shm::NewObject object = {.id = id_of(number), .data_size = size, .retention = retention};
    if (patience == 0)
      engine.creates().add_for_disk({writer, ++last_wait}, object, now, done);
    else
      engine.creates().add({writer, ++last_wait}, object, now + patience, now, done);
    return answer;
  }
  void keep(std::uint64_t number, std::uint64_t size = kCrowdObjectBytes) {
    const Answer& kept = create(number, size, 0, Retention::keep);
    REQUIRE(run([&] { return !kept.text.empty(); }));
    REQUIRE(kept.text == "+");
  }
  void keep_all() {
    for (std::uint64_t number = 0; number < kObjects; ++number) keep(number);
    REQUIRE(store.spill().spilled().count >= kObjects * 3 / 4);
  }
  /// What comes is used for so long, and then released.
  Answer& get(shm::ClientId client, std::vector<std::uint64_t> numbers, TimeNs patience, TimeNs use) {
    std::vector<ObjectId> ids;
    for (const std::uint64_t number : numbers) ids.push_back(id_of(number));
    Answer& answer = *answers.emplace_back(std::make_unique<Answer>());
    engine.gets().add(
        {client, ++last_wait}, ids, ids.size(), now + patience, now,
        [this, numbers, use, &answer](const std::vector<SlotIndex>& slots) {
          answer.at = now;
          std::vector<SlotIndex>& kept = held[now + use];
          for (std::size_t i = 0; i < slots.size(); ++i) {
            if (slots[i] == shm::kNoSlot) {
              answer.text += "-";
              continue;
            }
            answer.text += has_its_bytes(slots[i], numbers[i]) ? "+" : "wrong bytes";
            kept.push_back(slots[i]);
          }
        },
        [this, &answer](const Error& error) {
          answer = {std::string(to_string(error.code)), error.message, now};
        });
    return answer;
  }
  [[nodiscard]] bool has_its_bytes(SlotIndex slot, std::uint64_t number) const {
    return std::ranges::all_of(store.rows().bytes(slot),
                               [number](std::byte each) { return each == static_cast<std::byte>(number); });
  }
  [[nodiscard]] bool all_answered() const {
    return std::ranges::none_of(answers, [](const auto& answer) { return answer->text.empty(); });
  }
  /// Objects of nearly half the memory.
  std::vector<std::uint64_t> nearly_half(std::mt19937& random) const {
    std::vector<std::uint64_t> all(kObjects);
    for (std::uint64_t number = 0; number < kObjects; ++number) all[number] = number;
    std::ranges::shuffle(all, random);
    all.resize(kCrowdMemory / kCrowdObjectBytes / 2 - 1);
    return all;
  }

  TimeNs now = 1000 * kSecond;
  shm::Engine engine;
  shm::Store& store;
  FakeSpiller spiller;
  std::optional<Tier> tier;
  shm::ClientId writer = 0;
  std::uint64_t last_wait = 1000;
  std::map<TimeNs, std::vector<SlotIndex>> held;  // by the time of its release
  std::vector<std::unique_ptr<Answer>> answers;
};

}  // namespace

TEST_CASE("64 gets of nearly half the memory each, over five times the memory, all get their objects") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Crowd crowd;
  crowd.keep_all();
  for (std::uint64_t number = 0; number < 4; ++number) {  // some are pinned
    const Answer& there = crowd.get(crowd.writer, {number}, kSecond, kSecond);
    REQUIRE(crowd.run([&] { return !there.text.empty(); }));
    REQUIRE(crowd.store.pin(crowd.writer, id_of(number), crowd.now));
  }
  const std::size_t before = crowd.answers.size();
  std::vector<std::uint64_t> wanted;
  for (int client = 0; client < 64; ++client) {
    const shm::ClientId id = crowd.store.attach({.pid = 100 + client, .uid = 9}, crowd.now).value();
    std::vector<std::uint64_t> numbers = crowd.nearly_half(random);
    if (client % 8 == 0) numbers.push_back(10'000 + static_cast<std::uint64_t>(client));  // is put only later
    crowd.get(id, numbers, 3600 * kSecond, random() % kSecond);
    if (client % 4 == 0) crowd.get(id, {random() % kObjects}, 3600 * kSecond, random() % kSecond);
    if (client % 8 == 1)
      crowd.create(20'000 + static_cast<std::uint64_t>(client), 16 * kKiB, 3600 * kSecond,
                   client % 16 == 1 ? Retention::keep : Retention::cache);
    crowd.turn();
  }
  crowd.run_for(10 * kSecond);
  for (std::uint64_t client = 0; client < 64; client += 8)
    crowd.create(10'000 + client, 64, 3600 * kSecond, Retention::cache);
  REQUIRE(crowd.run([&] { return crowd.all_answered(); }));
  for (std::size_t i = before; i < crowd.answers.size(); ++i)
    CHECK(std::ranges::all_of(crowd.answers[i]->text, [](char each) { return each == '+'; }));
}

TEST_CASE("of many gets of nearly half the memory each, every one ends by its deadline, and the first ones in time") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Crowd crowd;
  crowd.keep_all();
  const std::size_t before = crowd.answers.size();
  const TimeNs began = crowd.now;
  std::vector<TimeNs> deadlines;
  for (int client = 0; client < 24; ++client) {
    deadlines.push_back(crowd.now + kSecond + random() % (4 * kSecond));
    crowd.get(crowd.store.attach({.pid = 100 + client, .uid = 9}, crowd.now).value(), crowd.nearly_half(random),
              deadlines.back() - crowd.now, kSecond / 10);
  }
  REQUIRE(crowd.run([&] { return crowd.all_answered(); }, 30));  // a slow disk
  CHECK(crowd.now < began + 6 * kSecond);
  std::size_t succeeded = 0;
  for (std::size_t i = before; i < crowd.answers.size(); ++i) {
    const Answer& answer = *crowd.answers[i];
    CHECK(answer.at < deadlines[i - before] + kSecond / 5);
    const bool complete = std::ranges::all_of(answer.text, [](char each) { return each == '+'; });
    if (complete) ++succeeded;
    CHECK((complete || answer.text == "tier_unavailable" || answer.text == "out_of_memory"));
  }
  CHECK(succeeded >= 2);
}

TEST_CASE("a stream of small gets does not starve a large one, nor the large one them") {
  Crowd crowd;
  const std::uint64_t large = 1000;
  crowd.keep(large, kCrowdMemory / 2);
  crowd.keep(large + 1, kCrowdMemory / 2);
  crowd.keep_all();
  REQUIRE(crowd.store.rows().is_spilled(crowd.store.rows().find(id_of(large))));
  const shm::ClientId other = crowd.store.attach({.pid = 5, .uid = 9}, crowd.now).value();
  std::uint64_t next = 0;
  std::uint64_t served = 0;
  std::vector<const Answer*> small;
  // As many at once as fill the memory, each held for a moment.
  const auto stream = [&] {
    served += std::erase_if(small, [&](const Answer* each) { return !each->text.empty(); });
    while (small.size() < kCrowdMemory / kCrowdObjectBytes)
      small.push_back(&crowd.get(other, {next++ % kObjects}, 60 * kSecond, kSecond / 5));
  };
  REQUIRE(crowd.run([&] {
    stream();
    return served > kObjects;
  }));
  const Answer& answer = crowd.get(crowd.writer, {large}, 60 * kSecond, 100 * kSecond);
  REQUIRE(crowd.run([&] {
    stream();
    return !answer.text.empty();
  }));
  CHECK(answer.text == "+");
  SECTION("even where the large one can get no room") {
    const Answer& more = crowd.get(crowd.writer, {0, 1, 2, 3, 4, 5, 6, 7}, 60 * kSecond, 100 * kSecond);
    REQUIRE(crowd.run([&] {
      stream();
      return !more.text.empty();
    }));
    REQUIRE(more.text == "++++++++");
    const Answer& in_vain = crowd.get(crowd.writer, {large + 1}, 20 * kSecond, kSecond);
    served = 0;
    REQUIRE(crowd.run([&] {
      stream();
      return !in_vain.text.empty();
    }));
    CHECK(in_vain.text == "out_of_memory");
    CHECK(served > kObjects);
  }
}

TEST_CASE("creates that wait for the disk get their room, and are refused when the disk cannot help") {
  Crowd crowd;
  for (std::uint64_t number = 0; number < 55; ++number) crowd.keep(number);
  SECTION("kept objects, faster than the disk") {
    for (std::uint64_t number = 100; number < 200; ++number)
      crowd.create(number, kCrowdObjectBytes, 0, Retention::keep);
    CHECK_FALSE(crowd.all_answered());
    REQUIRE(crowd.run([&] { return crowd.all_answered(); }, 20));
    for (const auto& answer : crowd.answers) CHECK(answer->text == "+");
  }
  SECTION("the disk becomes full") {
    crowd.spiller.full = true;
    crowd.spiller.tell_phase(*crowd.tier, protocol::TierPhase::full);
    const TimeNs began = crowd.now;
    const Answer& refused = crowd.create(100, 20 * kCrowdObjectBytes, 0, Retention::cache);
    REQUIRE(crowd.run([&] { return !refused.text.empty(); }));
    CHECK(crowd.now < began + kSecond);
    CHECK(refused.text == "out_of_memory");
    CHECK_THAT(refused.cause,
               Catch::StartsWith("disk: ") && Catch::Contains("full (/the/directory): objects are read") &&
                   Catch::Contains("the test says so") && Catch::Contains("raise the capacity of [spill]") &&
                   !Catch::Contains("release or unpin"));
  }
  SECTION("the disk becomes full while they wait") {
    const Answer& refused = crowd.create(100, 20 * kCrowdObjectBytes, 0, Retention::cache);
    CHECK(refused.text.empty());
    crowd.spiller.tell_phase(*crowd.tier, protocol::TierPhase::read_only);
    crowd.turn();
    CHECK(refused.text == "out_of_memory");
    CHECK_THAT(refused.cause, Catch::StartsWith("disk: ") && Catch::Contains("read-only (/the/directory)"));
  }
  SECTION("clients hold what is dirty") {
    crowd.run_for(kSecond);
    std::vector<SlotIndex> in_use;
    for (std::uint64_t number = 0; number < 55; ++number)
      if (const SlotIndex slot = crowd.store.rows().find(id_of(number)); !crowd.store.rows().is_spilled(slot))
        crowd.store.usage().hold(in_use.emplace_back(slot));
    const TimeNs began = crowd.now;
    const Answer& refused = crowd.create(100, 20 * kCrowdObjectBytes, 0, Retention::cache);
    REQUIRE(crowd.run([&] { return !refused.text.empty(); }));
    CHECK(refused.text == "out_of_memory");
    CHECK_THAT(refused.cause, Catch::StartsWith("room: "));
    CHECK(crowd.now < began + kSecond);  // not after the 30 seconds for which a create waits for the disk
    for (const SlotIndex slot : in_use) crowd.store.usage().drop_hold(slot);
  }
}

TEST_CASE("a clear of the store is told to the disk with one record") {
  Crowd crowd;
  crowd.keep_all();
  crowd.run_for(kSecond);
  const std::size_t drops = crowd.spiller.drops_heard;
  REQUIRE(crowd.spiller.disk.size() > 200);
  SECTION("when all pieces are done") {
    const TimeNs through = crowd.store.rows().last_seal;
    SlotIndex cursor = 0;
    do {
      cursor = crowd.store.clear(crowd.now, cursor, through);
      crowd.turn();
      crowd.spiller.work(*crowd.tier, crowd.now);
    } while (cursor != 0);
    crowd.run_for(kSecond);
    CHECK(crowd.spiller.clears_heard == 1);
    CHECK(crowd.spiller.drops_heard == drops);
    CHECK(crowd.spiller.disk.empty());
  }
  SECTION("not when a client says that it was the last piece") {
    static_cast<void>(crowd.store.clear(crowd.now, 1'000'000, crowd.store.rows().last_seal));
    crowd.run_for(kSecond);
    CHECK(crowd.spiller.clears_heard == 0);
    CHECK(crowd.spiller.disk.size() > 200);
    const Answer& answer = crowd.get(crowd.writer, {3}, kSecond, kTurn);
    REQUIRE(crowd.run([&] { return !answer.text.empty(); }));
    CHECK(answer.text == "+");
  }
  SECTION("not of what was sealed later") {
    const TimeNs through = crowd.store.rows().last_seal;
    crowd.keep(5000);
    static_cast<void>(crowd.store.clear(crowd.now, 0, through));
    crowd.run_for(20 * kSecond);  // the later one is written, too
    CHECK(crowd.store.stats(crowd.now).total_objects == 1);
    CHECK(crowd.spiller.disk.size() == 1);
  }
}
