#pragma once
// NewcomersShare: the share of the bytes that AdaptivePolicy gives to the newcomers. It follows the requests.
//
// Model: an object that is evicted leaves a ghost, which tells whether the object had been in the main queue. An object
// that is put while its ghost is there returns: with a larger queue, the get before it would have been a hit. So the
// queue whose objects return more often, in relation to how many leave, is too small, and gets
// more of the bytes. (ARC compares the same returns, but counts, not rates. Source: N. Megiddo, D. Modha, "ARC: A
// self-tuning, low overhead replacement cache", FAST 2003.)
//   popular set    objects of the main queue return more often: the newcomers get little (1 %).
//   changing set   objects of the main queue do not return, because they are popular no more. The newcomers get nearly
//                  all, and the policy is CLOCK, which is close to lru.
//   loop           no object returns, because a loop is longer than the list of ghosts. Objects of the main queue are
//                  got again, so the newcomers get little.
//   exchange       no object returns, and objects of the main queue are not got again, but newcomers are: they get
//                  nearly all.
//
// The share is large at first, so that an exchange (each object is put, got after a while, and never again) loses
// nothing, and a store that is only filled has the latest objects. Only returns, and hits in the main queue, make the
// share smaller. During the first turnovers it shrinks faster, so that a popular set loses little.
//
// Constants were found with a simulation, tuned with seed 1 of the traces of tests/bench (see its page).
//
// Not thread-safe.

#include <algorithm>
#include <array>
#include <cstdint>

#include "shm/eviction/ghosts.h"
#include "shm/eviction/policy.h"

namespace dolium::shm {

class NewcomersShare {
 public:
  static constexpr double kAtFirst = 0.9;
  static constexpr double kLeast = 0.01;
  static constexpr double kMost = 0.95;
  static constexpr double kMostLeast = 0.1;  ///< maximum of the least share, in a store of different sizes
  /// A store with fewer objects adjusts the share as slowly as one with so many.
  static constexpr std::uint32_t kFewObjects = 64;

  /// Begins with the share of the server before, if it had adjusted one. Before the first adjust().
  void begin_with(double share) noexcept {
    if (!(share >= kLeast)) return;
    share_ = std::min(share, kMost);
    restarted_ = true;
  }
  void left(Ghosts::Origin origin) noexcept {
    ++flow_of(origin).left;
    if (origin == Ghosts::Origin::main) ++main_left_lately_;
  }
  void returned(Ghosts::Origin origin) noexcept { ++flow_of(origin).returned; }
  /// A newcomer that was got came to the end of its queue, or was evicted in a window.
  void passed() noexcept { ++passed_; }
  /// An object of the main queue was looked at.
  void looked(bool hit) noexcept {
    ++looks_;
    if (hit) ++hits_;
  }
  /// The newcomers had no room for a new object at one place, so objects of the main queue go before their time. In a
  /// store of objects of different sizes, that is so while the newcomers have too few bytes.
  void lacked_window() noexcept {
    least_ = std::min(kMostLeast, least_ * kLeastGrowth);
    share_ = std::max(share_, least_);
  }
  /// Call this once for each `evictions` evictions, in a store with so many objects.
  void adjust(std::uint32_t evictions, std::uint32_t objects) noexcept;

  /// Of the bytes of both lanes.
  [[nodiscard]] double share() const noexcept { return share_; }
  /// The main queue (the second lane) has more than the newcomers leave to it.
  [[nodiscard]] bool main_is_over(const Policy::LaneBytes& bytes) const noexcept {
    return main_bytes(bytes) > (1 - share_) * all_bytes(bytes);
  }
  /// Whether objects that were evicted from the main queue are put again: with more time there, they would be got. In
  /// an exchange none is.
  [[nodiscard]] bool main_returns() const noexcept {
    const Flow& main = flows_[static_cast<std::size_t>(Ghosts::Origin::main)];
    return main.returned >= kLeastReturns * (main.left + kAssumedWeight);
  }
  /// As it seems: the newcomers have most of the bytes and are got, and hardly any object that was evicted from the
  /// main queue is put again.
  [[nodiscard]] bool is_exchange() const noexcept {
    const Flow& newcomers = flows_[static_cast<std::size_t>(Ghosts::Origin::newcomers)];
    return share_ > kMostOfBytes && passed_ > kFewGot * newcomers.left && !main_returns();
  }
  /// The main queue has so much less that a newcomer of so many bytes fits there, and may begin there: because the
  /// store fills, or because its share has grown. (If it is smaller because windows of neighbours took objects of it,
  /// newcomers that are used once would take their places.)
  [[nodiscard]] bool take_room_in_main(const Policy::LaneBytes& bytes, std::uint64_t size, bool fills) noexcept {
    const double room = (1 - share_) * all_bytes(bytes);
    if (main_bytes(bytes) >= kFull * room) {
      grown_ = 0;
      return false;
    }
    if (main_bytes(bytes) + static_cast<double>(size) > room) return false;
    if (fills) return true;
    if (grown_ <= 0) return false;
    grown_ -= static_cast<double>(size) / all_bytes(bytes);
    return true;
  }

 private:
  struct Flow {
    double left = 0;
    double returned = 0;
    void keep(double part) noexcept {
      left *= part;
      returned *= part;
    }
  };
  /// A main queue with less than this part of its share has room.
  static constexpr double kFull = 0.97;
  /// How far the share moves at most while as many objects are evicted as the store has.
  static constexpr double kSpeed = 0.3;
  /// The same at first, towards the main queue: this after no turnover, half of it after kFirstTurnovers, and so on.
  static constexpr double kFirstSpeed = 1.25;
  static constexpr double kFirstTurnovers = 2;  ///< a turnover: as many evictions as the store has objects
  /// A smaller share is preferred: the rate of newcomers counts less.
  static constexpr double kNewcomersWeight = 0.8;
  /// Rates that are assumed while little or nothing is known: of newcomers, and of the main queue if all of its objects
  /// are got again. Without returns, the newcomers get more if less than a thirtieth of the main queue is got again.
  static constexpr double kAssumedNewcomers = 0.003;
  static constexpr double kAssumedMain = 0.1;
  /// After a restart: with this part of hits, both assumed rates are equal, and the share stays until looks tell
  /// otherwise.
  static constexpr double kBalancedHits = kNewcomersWeight * kAssumedNewcomers / kAssumedMain;
  /// The assumed rate weighs as much as so many objects that left.
  static constexpr double kAssumedWeight = 16;
  /// The least share of evicted objects of the main queue that return, for main_returns().
  static constexpr double kLeastReturns = 0.005;
  /// For is_exchange(): the least share of the newcomers, and the least number of them that are got, for each that
  /// leaves.
  static constexpr double kMostOfBytes = 0.5;
  static constexpr double kFewGot = 0.005;
  /// A flow is halved when more objects left than twice as many as the store has, or than this.
  static constexpr double kLeastFlow = 128;
  /// So much is kept of the main queue's flow when that of the newcomers is halved and, since the last time, fewer
  /// objects of the main queue left than this part of the newcomers. What is known of their returns becomes old: once
  /// popular objects could be got no more.
  static constexpr double kKeptOfMain = 0.7;
  static constexpr double kHardlyAny = 0.01;
  /// The looks are halved when there were more than objects, or than this.
  static constexpr double kLeastLooks = 512;

  /// The least share grows so much for each object without room, and shrinks so much in each adjust(): with room for 96
  /// % of the objects, it stays.
  static constexpr double kLeastGrowth = 1.05;
  static constexpr double kLeastDecay = 0.97;

  [[nodiscard]] static double main_bytes(const Policy::LaneBytes& bytes) noexcept {
    return static_cast<double>(bytes.second);
  }
  [[nodiscard]] static double all_bytes(const Policy::LaneBytes& bytes) noexcept {
    return static_cast<double>(bytes.first + bytes.second);
  }
  [[nodiscard]] double speed(double pull) const noexcept;
  [[nodiscard]] Flow& flow_of(Ghosts::Origin origin) noexcept { return flows_[static_cast<std::size_t>(origin)]; }
  void begin(double objects) noexcept;
  void forget_half_of_old(double objects) noexcept;

  double share_ = kAtFirst;
  double least_ = kLeast;  // of share_, by now
  double grown_ = 0;       // by so much has the main queue's share grown that newcomers did not take yet
  std::array<Flow, 2> flows_;
  double passed_ = 0;  // newcomers that were got
  double main_left_lately_ = 0;
  double looks_ = 0;  // at objects of the main queue
  double hits_ = 0;   // of these
  double turnovers_ = 0;
  bool restarted_ = false;
  bool started_ = false;
};

}  // namespace dolium::shm
