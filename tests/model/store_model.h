#pragma once
// The model test's oracle, and the random steps that it follows: see store_model_test.cc.
//
//   store_model.cc         clients that come and go, and what they leave
//   store_model_write.cc   creates, leases, seals
//   store_model_use.cc     gets, releases, removals, pins, evictions
//   store_model_check.cc   what must be true after each step

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "shm/store/engine.h"
#include "tests/shm/store_fixture.h"

namespace dolium::shm::test {

inline constexpr std::uint64_t kIds = 120;
inline constexpr std::size_t kMaxClients = 4;

/// What is written into an object's bytes: derived from its id and from which of its lives this is.
[[nodiscard]] inline std::byte mark(std::uint64_t number, std::uint64_t life, std::uint64_t at) {
  return static_cast<std::byte>((number * 131 + life * 31 + at * 7) & 0xff);
}

/// An object that exists, as the oracle knows it.
struct Known {
  std::uint64_t number = 0;
  std::uint64_t life = 0;  // unique
  std::uint64_t size = 0;  // data and metadata
  std::uint64_t taken = 0;
  ClientId creator = 0;
  SlotIndex slot = kNoSlot;
  bool pinned = false;
  bool lent = false;
  TimeNs sealed = 0;
  Lifetimes lifetimes = {};
  Grace grace = {};
  TimeNs grace_end = 0;  // of a sealed object
  TimeNs grace_since = 0;
  ClientId giver = 0;
  std::set<ClientId> readers = {};  // that ended, too

  [[nodiscard]] bool is_kept(TimeNs now) const {
    return grace.any() && now < grace_end && readers.size() < grace.readers;
  }
};

/// An object that a get waits for; 0 as long as it is not there, and then held for the getter.
struct Wanted {
  std::uint64_t number = 0;
  std::uint64_t life = 0;
};

/// An object that a take waits for, or has got.
struct Taking {
  std::uint64_t number = 0;
  std::uint64_t type_tag = 0;  // 0: any
  std::uint64_t life = 0;      // of the object that it gets; 0: none yet
  bool refused = false;        // the object had another type
};

/// A reference that a client holds.
struct Reference {
  Held held;
  std::uint64_t number = 0;
  std::uint64_t life = 0;
};

/// What is left of a client's lease.
struct LeaseModel {
  ObjectId id;
  SlotIndex slot = kNoSlot;
  std::span<std::byte> bytes;
};

/// What a client was writing to when it ended.
struct Left {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  TimeNs rests_until = 0;
  bool renewed = false;  // its whole pages, if there are any

  [[nodiscard]] std::uint64_t pages_begin() const { return round_up(begin, kPageBytes); }
  [[nodiscard]] std::uint64_t pages_end() const { return end / kPageBytes * kPageBytes; }
  [[nodiscard]] bool has_pages() const { return pages_begin() < pages_end(); }
  [[nodiscard]] bool has_rested(TimeNs now) const { return rests_until <= now && (renewed || !has_pages()); }
  /// Whether nobody may be given any of these bytes yet.
  [[nodiscard]] bool forbids(std::uint64_t from, std::uint64_t to, TimeNs now) const {
    const auto hits = [from, to](std::uint64_t first, std::uint64_t last) {
      return first < last && from < last && first < to;
    };
    if (has_rested(now)) return false;
    return renewed ? hits(begin, pages_begin()) || hits(pages_end(), end) : hits(begin, end);
  }
};

struct ClientModel {
  explicit ClientModel(Store& store, ClientId id) : side(store, id) {}
  TestClient side;
  std::vector<Reference> references;
  std::optional<LeaseModel> lease;
};

class Model final {
 public:
  Model(std::uint64_t seed, const StoreConfig& config)
      : random_(seed), engine_(Store::create(config, now_).value()), store_(engine_.store()) {
    engine_.subscribe(kWatch, [] {});
    REQUIRE(engine_.take_events(kWatch, 1).empty());
    attach();
  }
  ~Model() { engine_.unsubscribe(kWatch); }

  void step() {
    now_ += below(2'000'000);  // two milliseconds at most
    engine_.tick(now_);
    std::erase_if(left_, [this](const Left& left) { return left.has_rested(now_); });
    follow();
    act();
    if (below(2) == 0) store_.room().relocate_one();
    if (below(4) == 0) renew();
    engine_.settle(now_);
    follow();
    check();
  }
  void finish();
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }
  [[nodiscard]] std::uint64_t served_late() const { return served_late_; }
  [[nodiscard]] std::uint64_t left() const { return left_count_; }
  [[nodiscard]] std::uint64_t copies() const { return copies_; }
  [[nodiscard]] std::uint64_t leased() const { return leased_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] std::uint64_t kept() const { return kept_; }
  [[nodiscard]] std::uint64_t relocations() { return store_.stats(now_).relocation_count; }

 private:
  static constexpr WaitKey kWatch = {0, 1};

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  template <class Range>
  auto& any(Range& range) {
    return *std::next(range.begin(), static_cast<std::ptrdiff_t>(below(range.size())));
  }
  ClientModel& any_client() { return *any(clients_).second; }

  void act();
  void attach();
  void attach_copy();
  void detach();
  [[nodiscard]] NewObject any_object();
  [[nodiscard]] Grace any_grace();
  void mark_bytes(std::span<std::byte> bytes, const Known& known) const;
  void create(bool wait);
  void lease();
  void put_leased(ClientModel& client);
  void becomes_sealed(const Known& known);
  void created(const NewObject& object, ClientId client, const Result<Placement>& placed);
  void seal();
  void abort();
  void get();
  void wait_for();
  void take();
  void give_to_taker(const Known& known);
  void release();
  void remove();
  void pin();
  void unpin();
  void extend_grace();
  void grace_begins(std::uint64_t number);
  void evict();
  void leave(SlotIndex slot, std::uint64_t bytes);
  void renew();

  void follow();
  void gone(const Event& event);
  void check();
  void check_place(SlotIndex slot, std::uint64_t taken) const;
  void check_bytes(const ClientModel& client, const Reference& reference) const;
  [[nodiscard]] bool is_held(std::uint64_t life) const;

  std::mt19937_64 random_;
  TimeNs now_ = 1000 * kSecond;
  Engine engine_;
  Store& store_;
  std::map<ClientId, std::unique_ptr<ClientModel>> clients_;
  std::map<std::uint64_t, Known> unsealed_;  // by number
  std::map<std::uint64_t, Known> sealed_;
  std::map<std::uint64_t, Known> retired_;  // by life: removed, but somebody held them then
  std::set<WaitKey> waiting_creates_;
  std::map<WaitKey, std::vector<Wanted>> waiting_gets_;
  std::map<WaitKey, Taking> waiting_takes_;
  std::vector<Left> left_;  // what is, or may be, in quarantine
  std::uint64_t left_count_ = 0;
  std::uint64_t last_key_ = 1;
  std::uint64_t last_life_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint64_t served_late_ = 0;
  std::uint64_t copies_ = 0;
  std::uint64_t leased_ = 0;  // objects that were cut off leases
  std::uint64_t taken_ = 0;
  std::uint64_t kept_ = 0;  // steps in which a grace kept an object
  bool clearing_ = false;
  bool adding_ = false;  // a create that was not queued before
};

}  // namespace dolium::shm::test
