// Each policy against a plain simulation of itself: a store of ten equal objects, so that no window matters, and
// random puts, gets and removals.

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

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
  virtual void put(std::uint64_t number, std::size_t slot) = 0;
  virtual void get(std::uint64_t number) = 0;
  virtual void remove(std::uint64_t number) = 0;
  virtual std::uint64_t evict() = 0;
};

/// lru, lfu and fifo: the smallest key.
class PlainKeys final : public PlainPolicy {
 public:
  explicit PlainKeys(EvictionPolicy policy) : policy_(policy) {}
  void put(std::uint64_t number, std::size_t) override {
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

/// The newcomers' share, as shm/eviction/newcomers_share.h describes it.
struct PlainShare {
  double share = 0.9;
  double grown = 0;                          // that of the main queue, not yet taken by newcomers
  std::array<double, 2> left{}, returned{};  // of newcomers, of the main queue
  double looks = 256, hits = 0;
  double main_left = 0;  // since the newcomers' flow was halved
  double turnovers = 0;

  [[nodiscard]] bool main_returns() const { return returned[1] >= 0.005 * (left[1] + 16); }
  void look(bool hit) {
    looks += 1;
    hits += hit ? 1 : 0;
  }
  void adjust() {
    if (left[1] > 128) left[1] /= 2, returned[1] /= 2;
    if (left[0] > 128) {
      left[0] /= 2, returned[0] /= 2;
      if (main_left < 0.01 * 128) left[1] *= 0.7, returned[1] *= 0.7;
      main_left = 0;
    }
    if (looks > 512) looks /= 2, hits /= 2;
    const double newcomers = 0.8 * (returned[0] / (left[0] + 16) + 0.003);
    const double main = (returned[1] + 16 * (0.1 * hits / looks)) / (left[1] + 16);
    const double pull = std::clamp(2 * (newcomers - main) / (newcomers + main), -1.0, 1.0);
    const double speed = pull > 0 ? 0.3 : std::max(0.3, 1.25 / (1 + turnovers / 2));
    turnovers += 16.0 / 64;
    const double before = std::exchange(share, std::clamp(share + speed * 16 / 64 * pull, 0.01, 0.95));
    grown = std::max(0.0, grown + before - share);
  }
};

/// As shm/eviction/adaptive_policy.h describes it, of objects of one byte each.
class PlainAdaptive final : public PlainPolicy {
 public:
  void put(std::uint64_t number, std::size_t slot) override {
    const auto ghost = std::ranges::find(ghosts_, number, &Ghost::number);
    const bool proven = ghost != ghosts_.end() && !ghost->of_main;
    if (ghost != ghosts_.end()) {
      share_.returned[ghost->of_main] += 1;
      ghosts_.erase(ghost);
    }
    const auto count = static_cast<double>(newcomers_.size() + main_.size());
    const bool fills = 8 * (newcomers_.size() + main_.size() + 1) < full_eighths_;
    const double main = static_cast<double>(main_.size()), most = (1 - share_.share) * count;
    const bool is_under = main < 0.97 * most;
    if (!proven && !is_under) share_.grown = 0;
    const bool has_room = !proven && is_under && main + 1 <= most && (fills || share_.grown > 0);
    if (has_room && !fills) share_.grown -= 1 / count;
    objects_[number] = {};
    (proven || has_room ? main_ : newcomers_).push_back(number);
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    slots_[slot] = number;
  }
  void get(std::uint64_t number) override {
    ++objects_[number].gets;
    objects_[number].was_got = true;
  }
  void remove(std::uint64_t number) override {
    std::erase(newcomers_, number);
    std::erase(main_, number);
  }
  std::uint64_t evict() override {
    full_eighths_ = 7 * kRoom;
    for (int looks = 16;;) {  // Eviction::kMaxDemotions
      if (is_over() && (looks > 0 || newcomers_.empty())) {
        --looks;
        look_at_main();
        continue;
      }
      const std::uint64_t number = newcomers_.front();
      newcomers_.pop_front();
      if (objects_[number].gets == 0) {
        leave_ghost(number);
        promoted_.reset();
        return number;
      }
      objects_[number] = {.was_got = true};
      main_.push_back(number);
      promoted_ = number;
      ++looks;
    }
  }

 private:
  struct Object {
    int gets = 0;  // since the last look
    int visits = 0;
    bool was_got = false;
    bool was_in_main = false;
  };
  struct Ghost {
    std::uint64_t number;
    bool of_main;
  };

  [[nodiscard]] bool is_over() const {
    return static_cast<double>(main_.size()) >
           (1 - share_.share) * static_cast<double>(newcomers_.size() + main_.size());
  }
  void look_at_main() {
    const std::uint64_t number = main_.front();
    main_.pop_front();
    Object& object = objects_[number];
    share_.look(object.gets > 0);
    object.visits = std::min(object.visits + std::exchange(object.gets, 0), 2);
    object.was_in_main = object.visits == 0;
    if (object.visits > 0)
      main_.push_back(number);
    else if (!object.was_got || number == promoted_ || share_.main_returns())
      newcomers_.push_back(number);
    else
      newcomers_.push_front(number);
    object.visits = std::max(object.visits - 1, 0);
  }
  void leave_ghost(std::uint64_t number) {
    const bool of_main = objects_[number].was_in_main;
    std::erase_if(ghosts_, [&](const Ghost& ghost) { return ghost.number == number; });
    ghosts_.push_front({number, of_main});
    if (ghosts_.size() > kRoom) ghosts_.pop_back();
    share_.left[of_main] += 1;
    share_.main_left += of_main ? 1 : 0;
    if (++evictions_ % 16 != 0) return;
    look_at_next_slot();
    share_.adjust();
  }
  void look_at_next_slot() {
    if (++next_slot_ >= slots_.size()) next_slot_ = 0;
    const std::uint64_t number = slots_[next_slot_];
    if (std::ranges::find(main_, number) == main_.end()) return;
    Object& object = objects_[number];
    share_.look(object.gets > 0);
    object.visits = std::min(object.visits + std::exchange(object.gets, 0), 2);
  }

  std::deque<std::uint64_t> newcomers_, main_;
  std::deque<Ghost> ghosts_;
  std::map<std::uint64_t, Object> objects_;
  std::vector<std::uint64_t> slots_;  // the object that was put into it last
  PlainShare share_;
  std::optional<std::uint64_t> promoted_;  // since the last eviction, the last one
  std::size_t evictions_ = 0, next_slot_ = 0;
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
      expected->put(number, fixture.store.rows().find(id_of(number)));
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

TEST_CASE("adaptive: after a restart, those not got for longest are the newcomers, as many as before, without ghosts") {
  StoreFixture fixture(kTen);
  fixture.store.rows().ledger.state().newcomers_share = 0.3;
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
  put(10);  // the newcomers are 3, 4 and 5
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{0, 1, 2, 4, 5, 6, 7, 8, 9, 10});
  put(11);
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{0, 1, 2, 5, 6, 7, 8, 9, 10, 11});
  there.touch(id_of(11), ++fixture.now);
  there.touch(id_of(5), ++fixture.now);
  put(12);  // 5 joins the main queue, which is over its share then: 6 joins the newcomers behind 11
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{0, 1, 2, 5, 6, 7, 8, 9, 11, 12});
  put(13);  // likewise 11, and 7
  CHECK(present_in(*store, 20) == std::vector<std::uint64_t>{0, 1, 2, 5, 7, 8, 9, 11, 12, 13});
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
  for (std::uint64_t number = 40; number < 45; ++number) {  // half a turnover
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
  std::uint64_t next = 30;
  while (fixture.exists(29)) fixture.put(next++, kObjectBytes);  // the newcomer before it
  CHECK(fixture.exists(0));
  fixture.put(next++, kObjectBytes);
  CHECK_FALSE(fixture.exists(0));
  CHECK(fixture.exists(30));
  fixture.store.check_invariants();
}
