#pragma once
// A store with a spill tier, in virtual time; its disk is a FakeSpiller.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/tier/tier.h"
#include "shm/os/monotonic_clock.h"
#include "tests/daemon/fake_spiller.h"

namespace dolium::daemon::test {

using shm::SlotIndex;
using shm::TimeNs;
using shm::test::id_of;
using shm::test::kKiB;
using shm::test::kSecond;

struct TierFixture {
  /// `share`: TierOptions::ahead; 1: all that is dirty is written at once.
  explicit TierFixture(double share, std::uint64_t capacity = 256 * kKiB, std::uint32_t max_objects = 64,
                       TimeNs after = shm::kNever)
      : ahead(share),
        write_after(after),
        engine(shm::Store::create({.capacity = capacity, .max_objects = max_objects, .spill = true}, now).value()),
        store(engine.store()),
        spiller(engine) {
    make_tier();
    writer = store.attach({.pid = 1, .uid = 9}, now).value();
  }
  ~TierFixture() { store.check_invariants(); }

  void make_tier() {
    tier.emplace(engine, TierOptions{.token = {1, 2}, .ahead = ahead, .write_after = write_after},
                 TierLine{.send =
                              [this](shm::ClientId client, std::uint64_t request, protocol::TierWorkNoticeT work) {
                                REQUIRE(client == spiller.client());
                                REQUIRE(request == 1);
                                spiller.take(std::move(work));
                              },
                          .end_catalogue =
                              [this](shm::ClientId client, std::uint64_t request, protocol::TierCatalogueReplyT reply) {
                                REQUIRE(client == spiller.client());
                                REQUIRE(request == FakeSpiller::kCatalogueRequest);
                                spiller.end_catalogue(std::move(reply));
                              },
                          .is_behind = [this] { return spiller.behind; }});
  }
  [[nodiscard]] shm::Moment moment() const {
    return {now, std::chrono::system_clock::time_point(std::chrono::nanoseconds(now))};
  }
  /// As the server's turn.
  void turn() {
    now += 1'000'000;
    if (engine.next_deadline() <= now) engine.tick(now);
    engine.settle(now);
    tier->work(moment());
    store.check_invariants();
  }
  /// Turns, and the process works.
  void run(int turns = 20) {
    for (int i = 0; i < turns; ++i) {
      turn();
      spiller.work(*tier, now);
      now += Tier::kPlanPause;
    }
  }
  Result<void> try_keep(std::uint64_t number, std::uint64_t size) {
    std::vector<std::byte> bytes(size, static_cast<std::byte>(number));
    const auto put = store.put_object(writer, {.id = id_of(number), .data_size = size, .retention = Retention::keep},
                                      bytes, {}, ++now);
    return put ? Result<void>() : Result<void>(put.error());
  }
  void keep(std::uint64_t number, std::uint64_t size) { REQUIRE(try_keep(number, size)); }
  [[nodiscard]] bool spilled(std::uint64_t number) const {
    const SlotIndex slot = store.rows().find(id_of(number));
    return slot != shm::kNoSlot && store.rows().is_spilled(slot);
  }
  /// keep(), written and evicted. The fixture must write all at once.
  void spill(std::uint64_t number, std::uint64_t size) {
    keep(number, size);
    run(2);
    const SlotIndex slot = store.rows().find(id_of(number));
    REQUIRE_FALSE(store.spill().is_dirty(slot));
    REQUIRE(store.sealed().evict_unused({slot}));
  }
  /// "+" for each object that came with its bytes, or the error; empty as long as it waits.
  std::string& get(std::vector<std::uint64_t> numbers, TimeNs patience = 0) {
    std::vector<ObjectId> ids;
    for (const std::uint64_t number : numbers) ids.push_back(id_of(number));
    std::string& answer = *answers.emplace_back(std::make_unique<std::string>());
    engine.gets().add(
        {writer, ++last_wait}, ids, ids.size(), now + patience, now,
        [this, numbers, &answer](const std::vector<SlotIndex>& held) {
          for (std::size_t i = 0; i < held.size(); ++i) {
            if (held[i] == shm::kNoSlot) {
              answer += "-";
              continue;
            }
            const auto bytes = store.rows().bytes(held[i]);
            const bool right =
                std::ranges::all_of(bytes, [&](std::byte each) { return each == static_cast<std::byte>(numbers[i]); });
            answer += right ? "+" : "wrong bytes";
            store.usage().drop_hold(held[i]);
          }
        },
        [this, &answer](const Error& error) {
          answer = std::string(to_string(error.code));
          last_refusal = error.message;
        });
    return answer;
  }

  /// A create of retention `cache`: "ok", or the error; empty as long as it waits. Without patience, it waits for the
  /// disk alone.
  std::string& create(std::uint64_t number, std::uint64_t size, TimeNs patience = 0) {
    std::string& answer = *answers.emplace_back(std::make_unique<std::string>());
    const shm::NewObject object = {.id = id_of(number), .data_size = size};
    const auto done = [&answer](const Result<shm::Placement>& placed) { answer = shm::test::outcome(placed); };
    if (patience == 0)
      engine.creates().add_for_disk({writer, ++last_wait}, object, now, done);
    else
      engine.creates().add({writer, ++last_wait}, object, now + patience, now, done);
    return answer;
  }

  TimeNs now = 1000 * kSecond;
  const double ahead;
  const TimeNs write_after;
  shm::Engine engine;
  shm::Store& store;
  FakeSpiller spiller;
  std::optional<Tier> tier;
  shm::ClientId writer = 0;
  std::uint64_t last_wait = 1000;
  std::string last_refusal;  // of a get()
  std::vector<std::unique_ptr<std::string>> answers;
};

}  // namespace dolium::daemon::test
