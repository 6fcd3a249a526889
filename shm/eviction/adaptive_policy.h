#pragma once
// AdaptivePolicy: S3-FIFO, for objects of different sizes.
//
// Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache eviction", SOSP
// 2023. It keeps its hits on a popular set, on scans, on loops larger than the store, and when the popular set changes;
// lru, lfu and fifo each fail on one of these.
//
// Model: two queues and a list of ghosts.
//   newcomers  (first lane) objects begin here. At the end of the queue, an object that was got since its seal goes to
//              the main queue; another is evicted, and leaves a ghost. Most objects that are used once leave here.
//   main       (second lane) at the end of the queue, an object that was got goes to the beginning again, up to three
//              times without another get; another is evicted.
//   ghosts     ids of objects that left the newcomers. An object that is put again while its ghost is there begins in
//              the main queue.
// While the newcomers have more than a tenth of the bytes of both queues, they are evicted first; else the main queue
// is. Bytes, not objects: a large newcomer costs as much as many small ones. While the store fills, for the first time
// or after objects were removed, newcomers beyond their tenth begin in the main queue.
//
// The paper asks for two gets of a newcomer. One is as good on popular sets and scans, and 0.6 points better when the
// popular set changes (Zipf 1.0, 40 times other keys).
//
// A get costs no message: gets are counted in the clients' pin tables, and read when an object is about to be chosen.
// The state of an object is two bytes, in the server's heap. After a restart of the server all objects are in the main
// queue, in the order of their last accesses, and there are no ghosts.
//
// Not thread-safe, like all policies.

#include "shm/eviction/ghosts.h"
#include "shm/eviction/policy.h"
#include "shm/os/reserved_vector.h"

namespace dolium::shm {

class AdaptivePolicy final : public Policy {
 public:
  static constexpr std::uint64_t kNewcomersShare = 10;  ///< 1 / kNewcomersShare of the bytes of both queues
  static constexpr std::uint32_t kMostVisits = 3;       ///< maximum number of gets that count in the main queue
  /// The store fills while it has 1 / kFillingShare less in use than at the last eviction.
  static constexpr std::uint64_t kFillingShare = 8;

  explicit AdaptivePolicy(const PolicyView& view);

  /// Not the place in a queue, but how lately an object was used.
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override;
  [[nodiscard]] Lane lane(SlotIndex slot) const override { return states_[slot].lane(); }
  [[nodiscard]] Lane next(const LaneBytes& bytes) const override {
    return is_crowded(bytes) ? Lane::first : Lane::second;
  }
  [[nodiscard]] bool counts_hits() const noexcept override { return true; }
  void enter(SlotIndex slot, Arrival arrival, const LaneBytes& bytes) override;
  void evicted(SlotIndex slot, std::uint32_t objects) override;
  [[nodiscard]] bool stays(SlotIndex slot) const override;
  void requeue(SlotIndex slot) override;
  void forget_hits(SlotIndex slot, std::uint32_t hits) override;
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept override;

 private:
  /// In two bytes, since every object has one. Of the number of hits, only the lowest bits are kept: enough to tell how
  /// many there were since the last look, but for one in 4096 objects with thousands of them.
  class State {
   public:
    State() = default;
    State(Lane lane, std::uint32_t visits, std::uint32_t base) noexcept
        : word_(static_cast<std::uint16_t>(static_cast<std::uint32_t>(lane) << kLaneBit | visits << kVisitsBit |
                                           (base & kBaseMask))) {}
    /// A newcomer that was read back from disk: its last access is not later than its seal only because of a get.
    [[nodiscard]] static State read_back(std::uint32_t base) noexcept { return {Lane::first, 1, base}; }

    [[nodiscard]] Lane lane() const noexcept { return static_cast<Lane>(word_ >> kLaneBit); }
    /// Gets that count. Of a newcomer: not 0 if its base is known.
    [[nodiscard]] std::uint32_t visits() const noexcept { return word_ >> kVisitsBit & kMostVisits; }
    /// Gets since then, if the clients' tables count so many now.
    [[nodiscard]] std::uint32_t hits_since(std::uint32_t sum) const noexcept {
      const std::uint32_t since = (sum - word_) & kBaseMask;
      return since != kBaseMask ? since : 0;  // one fewer than expected: see AdaptivePolicy::enter()
    }
    void forget(std::uint32_t hits) noexcept { *this = {lane(), visits(), word_ - hits}; }

   private:
    static constexpr int kLaneBit = 15;
    static constexpr int kVisitsBit = 12;
    static constexpr std::uint32_t kBaseMask = (1U << kVisitsBit) - 1;
    std::uint16_t word_ = 0;
  };

  [[nodiscard]] static bool is_crowded(const LaneBytes& bytes) noexcept {
    return bytes.first > (bytes.first + bytes.second) / kNewcomersShare;
  }
  [[nodiscard]] bool is_filling() const noexcept;
  [[nodiscard]] std::uint32_t hits_by_now(SlotIndex slot) const;
  [[nodiscard]] std::uint32_t visits_by_now(SlotIndex slot) const;

  PolicyView view_;
  ReservedVector<State> states_;           // by slot, up to the highest slot so far
  std::uint64_t full_bytes_ = UINT64_MAX;  // in use at the last eviction
  Ghosts ghosts_;
};

}  // namespace dolium::shm
