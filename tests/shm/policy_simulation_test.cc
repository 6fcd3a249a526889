// Each policy against a plain simulation of itself: a store of ten equal objects, so that no window matters, and
// random puts, gets and removals.

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "tests/shm/eviction_fixture.h"
#include "tests/shm/recovery_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::size_t kRoom = 10;
constexpr std::uint64_t kNumbers = 40;
constexpr std::uint64_t kObjectBytes = 4096;

/// What a policy knows, and which object it evicts, without any cleverness.
class PlainPolicy {
 public:
  virtual ~PlainPolicy() = default;
  virtual void put(std::uint64_t number) = 0;
  virtual void get(std::uint64_t number) = 0;
  virtual void remove(std::uint64_t number) = 0;
  virtual std::uint64_t evict() = 0;
};

/// lru, lfu and fifo: the smallest key.
class PlainKeys final : public PlainPolicy {
 public:
  explicit PlainKeys(EvictionPolicy policy) : policy_(policy) {}
  void put(std::uint64_t number) override {
    ++now_;
    keys_[number] = {policy_ == EvictionPolicy::lfu ? 0 : now_, now_};
  }
  void get(std::uint64_t number) override {
    ++now_;
    if (policy_ == EvictionPolicy::lru) keys_[number].first = now_;
    if (policy_ == EvictionPolicy::lfu) ++keys_[number].first;
  }
  void remove(std::uint64_t number) override { keys_.erase(number); }
  std::uint64_t evict() override {
    const auto coldest = std::ranges::min_element(keys_, {}, [](const auto& each) { return each.second; });
    const std::uint64_t number = coldest->first;
    keys_.erase(coldest);
    return number;
  }

 private:
  EvictionPolicy policy_;
  std::uint64_t now_ = 0;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> keys_;
};

/// S3-FIFO, as shm/eviction/adaptive_policy.h describes it, of objects of one byte each.
class PlainAdaptive final : public PlainPolicy {
 public:
  void put(std::uint64_t number) override {
    const auto ghost = std::ranges::find(ghosts_, number);
    const bool was_ghost = ghost != ghosts_.end();
    if (was_ghost) ghosts_.erase(ghost);
    const bool fills = 8 * (newcomers_.size() + main_.size() + 1) < full_eighths_;
    gets_[number] = 0;
    const bool proven = was_ghost || (fills && is_crowded(0));
    (proven ? main_ : newcomers_).push_back(number);
  }
  void get(std::uint64_t number) override { gets_[number] = std::min(gets_[number] + 1, 3); }
  void remove(std::uint64_t number) override {
    std::erase(newcomers_, number);
    std::erase(main_, number);
  }
  std::uint64_t evict() override {
    full_eighths_ = 7 * kRoom;
    for (int tries = 0; tries < 8 && is_crowded(1) && !newcomers_.empty(); ++tries)  // Eviction::search_first_lane()
      if (gets_[newcomers_.front()] == 0)
        return evict_newcomer();
      else
        promote();
    for (;;) {
      if (!newcomers_.empty() && (main_.empty() || is_crowded(0))) {
        if (gets_[newcomers_.front()] == 0) return evict_newcomer();
        promote();
        continue;
      }
      const std::uint64_t number = main_.front();
      main_.pop_front();
      if (gets_[number]-- == 0) return number;
      main_.push_back(number);
    }
  }

 private:
  [[nodiscard]] bool is_crowded(std::size_t more) const {
    const std::size_t first = newcomers_.size() + more;
    return 10 * first > first + main_.size();
  }
  std::uint64_t evict_newcomer() {
    const std::uint64_t number = newcomers_.front();
    newcomers_.pop_front();
    std::erase(ghosts_, number);
    ghosts_.push_front(number);
    if (ghosts_.size() > kRoom) ghosts_.pop_back();
    return number;
  }
  void promote() {
    gets_[newcomers_.front()] = 0;
    main_.push_back(newcomers_.front());
    newcomers_.pop_front();
  }

  std::deque<std::uint64_t> newcomers_, main_, ghosts_;
  std::map<std::uint64_t, int> gets_;
  std::size_t full_eighths_ = SIZE_MAX;  // the store fills while it has fewer than so many eighths of an object
};

std::unique_ptr<PlainPolicy> plain(EvictionPolicy policy) {
  if (policy == EvictionPolicy::adaptive) return std::make_unique<PlainAdaptive>();
  return std::make_unique<PlainKeys>(policy);
}

}  // namespace

TEST_CASE("each policy evicts what a plain simulation of it evicts, in 100,000 random steps") {
  const auto policy = static_cast<EvictionPolicy>(GENERATE(range(0, static_cast<int>(kEvictionPolicyNames.size()))));
  const std::uint64_t seed = eviction_seed();
  INFO(to_string(policy) << ", DOLIUM_SEED=" << seed);
  std::mt19937_64 random(seed);
  StoreFixture fixture({.capacity = kRoom * kObjectBytes, .eviction_policy = policy});
  TestClient client = fixture.client();
  const std::unique_ptr<PlainPolicy> expected = plain(policy);
  std::set<std::uint64_t> present;
  for (int step = 0; step < 100'000; ++step) {
    // The small numbers are popular. Now and then, all are changed by a scan.
    const std::uint64_t number = step / 500 % 4 == 3 ? static_cast<std::uint64_t>(step) % kNumbers
                                                     : std::min(random() % kNumbers, random() % kNumbers);
    ++fixture.now;
    if (!present.contains(number)) {
      if (present.size() == kRoom) {
        const std::uint64_t victim = expected->evict();
        present.erase(victim);
        fixture.put(number, kObjectBytes);
        INFO("step " << step << ", victim " << victim);
        REQUIRE_FALSE(fixture.exists(victim));
      } else {
        fixture.put(number, kObjectBytes);
      }
      expected->put(number);
      present.insert(number);
    } else if (random() % 50 == 0) {
      REQUIRE(fixture.store.remove(id_of(number), fixture.now).value());
      expected->remove(number);
      present.erase(number);
    } else {
      client.touch(id_of(number), fixture.now);
      expected->get(number);
    }
    REQUIRE(fixture.exists(number) == present.contains(number));
    if (step % 100 == 0)
      REQUIRE(fixture.present(kNumbers) == std::vector<std::uint64_t>(present.begin(), present.end()));
  }
}

// ---- adaptive, where a store is more than a cache ----

namespace {

const StoreConfig kTen = {.capacity = kRoom * kObjectBytes, .eviction_policy = EvictionPolicy::adaptive};

std::vector<std::uint64_t> present_in(const Store& store, std::uint64_t count) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 0; number < count; ++number)
    if (store.rows().find(id_of(number)) != kNoSlot) numbers.push_back(number);
  return numbers;
}

}  // namespace

TEST_CASE("adaptive: after a restart all are in the main queue, the least recently got first, without ghosts") {
  StoreFixture fixture(kTen);
  TestClient reader = fixture.client();
  fixture.fill(10, kObjectBytes);
  for (const std::uint64_t number : {0U, 2U, 1U}) reader.touch(id_of(number), ++fixture.now);
  const auto store = recovered(fixture.store, image_of(fixture.store), {fixture.writer, reader.id()}, ++fixture.now);
  TestClient there(*store, reader.id());  // its part of the successor
  const auto put = [&](std::uint64_t number) {
    REQUIRE(store->create_object(fixture.writer, {.id = id_of(number), .data_size = kObjectBytes}, fixture.now));
    REQUIRE(store->seal(fixture.writer, id_of(number), ++fixture.now));
    store->check_invariants();
  };
  put(10);  // the newcomers have less than their tenth
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{0, 1, 2, 4, 5, 6, 7, 8, 9, 10});
  put(11);
  put(12);
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{0, 1, 2, 4, 5, 6, 7, 8, 9, 12});
  for (const std::uint64_t number : {13U, 14U, 15U, 16U, 17U, 18U}) {
    there.touch(id_of(number - 1), ++fixture.now);  // each newcomer has proven itself: the main queue must give
    put(number);
  }
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{0, 1, 2, 12, 13, 14, 15, 16, 17, 18});
  there.touch(id_of(18), ++fixture.now);
  put(19);
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{1, 2, 12, 13, 14, 15, 16, 17, 18, 19});
}

TEST_CASE("adaptive: a newcomer in use is passed over, and proven when it is released") {
  StoreFixture fixture(kTen);
  TestClient reader = fixture.client();
  fixture.fill(10, kObjectBytes);
  const Held held = reader.get(id_of(0), ++fixture.now);
  for (std::uint64_t number = 10; number < 40; ++number) {
    fixture.put(number, kObjectBytes);
    fixture.store.check_invariants();
  }
  CHECK(fixture.exists(0));
  reader.release(held);
  for (std::uint64_t number = 40; number < 70; ++number) {
    fixture.put(number, kObjectBytes);
    fixture.store.check_invariants();
  }
  CHECK(fixture.exists(0));
}

TEST_CASE("adaptive: a pinned object counts in no queue, and is the last of its own when it is unpinned") {
  StoreFixture fixture(kTen);
  fixture.put({.id = id_of(0), .data_size = kObjectBytes, .pinned = true});
  for (std::uint64_t number = 1; number < 10; ++number) fixture.put(number, kObjectBytes);
  for (std::uint64_t number = 10; number < 30; ++number) fixture.put(number, kObjectBytes);
  REQUIRE(fixture.exists(0));
  fixture.store.check_invariants();
  REQUIRE(fixture.store.unpin(id_of(0), ++fixture.now));
  fixture.store.check_invariants();
  fixture.put(30, kObjectBytes);
  CHECK(fixture.exists(0));
  CHECK_FALSE(fixture.exists(29));  // the newcomer before it
  fixture.put(31, kObjectBytes);
  CHECK_FALSE(fixture.exists(0));
  fixture.store.check_invariants();
}
