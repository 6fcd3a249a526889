#pragma once
// The model of a store with a spill tier: short random histories, against an oracle that is a map of what exists.
//
// Objects are kept or not, expire, are put with and without waiting, got, held, taken, removed, pinned and made again.
// The disk is full, slow or cannot be read; its process dies and comes back; the server dies. After each step:
//
//   every kept object that was put, and neither removed nor expired, exists
//   what is in memory has its bytes; what is clean or spilled has a record, byte for byte
//   the store counts dirty, clean and spilled objects as the rows say
//
// A get ends with the right bytes, with an error of the tier, or with nothing if the object was gone. At the end the
// disk is well again: all is read back, and what was removed has left the disk.
//
//   DOLIUM_EPISODES=100000 DOLIUM_SEED=42 build/tests/model_tests "a random history of a store with a spill tier*"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "daemon/tier/tier.h"
#include "tests/daemon/fake_spiller.h"
#include "tests/shm/store_fixture.h"

namespace dolium::shm::test {

/// A step that the oracle does not know of: it must be found out.
enum class Sabotage : std::uint8_t { none, record_lost, record_changed, object_lost, bytes_changed };

struct TierFigures {
  std::uint64_t spilled = 0, read_back = 0, refused = 0, spiller_deaths = 0, server_deaths = 0, waited = 0, taken = 0;
};

class TierModel {
 public:
  TierModel(std::uint64_t seed, TierFigures& figures, Sabotage sabotage = Sabotage::none);
  TierModel(const TierModel&) = delete;
  TierModel& operator=(const TierModel&) = delete;

  void run();

 private:
  static constexpr std::uint64_t kIds = 24;
  static constexpr std::uint64_t kSteps = 120;

  struct Known {
    std::uint64_t life = 0;  // unique
    std::uint64_t size = 0;
    bool kept = false;
    TimeNs expires = kNever;  // not before this moment
  };
  struct Reference {
    Held held;
    std::uint64_t number = 0;
    Known known;
  };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  [[nodiscard]] static std::vector<std::byte> bytes_of(std::uint64_t number, const Known& known);
  [[nodiscard]] static bool are_of(std::span<const std::byte> bytes, std::uint64_t number, const Known& known);
  [[nodiscard]] Moment moment() const;
  void make_tier();
  void act();
  void turn();
  void work();
  void put();
  void put_waiting();
  void become_known(std::uint64_t number, const Known& known) { known_[number] = known; }
  void get();
  void get_slowly(std::uint64_t number, TimeNs deadline);
  void take();
  void release();
  void remove();
  void pin();
  void kill_spiller();
  void connect();
  void kill_server();
  void change_disk();
  void sabotage();
  void follow();
  void check();
  void check_kept(std::uint64_t number, const Known& known, SlotIndex slot);
  void finish();
  void settle();

  std::mt19937_64 random_;
  TierFigures& figures_;
  const Sabotage sabotage_;
  TimeNs now_ = 1000 * kSecond;
  const StoreConfig config_;
  std::optional<Engine> engine_;
  daemon::test::FakeSpiller spiller_;
  std::optional<daemon::Tier> tier_;
  ClientId client_ = 0;
  std::unique_ptr<TestClient> side_;
  std::map<std::uint64_t, Known> known_;  // by number
  std::vector<Reference> references_;
  std::uint64_t open_ = 0;  // gets, takes and puts without an answer
  std::uint64_t last_key_ = 1;
  std::uint64_t last_life_ = 0;
  bool lost_server_ = false;  // the spill process has not noticed it
  bool ends_ = false;         // nothing is wrong with the disk any more
};

}  // namespace dolium::shm::test
