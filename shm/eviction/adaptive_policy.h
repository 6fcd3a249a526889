#pragma once
// AdaptivePolicy: newcomers, a main queue, and ghosts, with a share of newcomers that follows the requests. For objects
// of different sizes.
//
// Sources: the queues are those of segmented LRU, with the reinsertion and the counts of S3-FIFO (J. Yang, Y. Zhang,
// Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023). The share is adjusted as
// in ARC (shm/eviction/newcomers_share.h). It keeps its hits on a popular set, on scans, on loops larger than the
// store, and when the popular set changes; lru, lfu, fifo and each policy with a fixed share fail on one of these. In
// an exchange (each object is put, got after a while, and never again), it finds what lru finds. It loses most of the
// popular objects that are put once, and not again after their eviction: that looks like an exchange.
//
// Model: two queues and a list of ghosts.
//   newcomers  (first lane) objects begin here, and victims come from here; exceptions are below. At the end of the
//              queue, an object that was got since it joined goes to the main queue; another is evicted, and leaves a
//              ghost.
//   main       (second lane) if it has more than its share of the bytes, the object at its end is looked at: one that
//              was got goes to the beginning again, up to twice without another get; another joins the newcomers.
//              While hardly any object evicted from the main queue is put again, the requests look like an exchange.
//              Then an object of the main queue that was got joins the end of the newcomers, and is the next victim:
//              otherwise it would take the memory of objects that were not got yet.
//   ghosts     ids of objects that were evicted. An object that is put again while its ghost is there begins in the
//              main queue, unless it was there before: in a loop, it would push out an object that comes next.
// If sizes differ, windows of neighbours are evicted. They are of newcomers alone. But in an exchange, they are of any
// objects that were not accessed for long, as with lru: there, newcomers that are neighbours are often the latest.
//
// Shares are of bytes, not of objects: a large newcomer costs as much as many small ones. While the main queue has less
// than its share, because the store fills or because the share has grown, newcomers begin in it. A main queue that is
// never over its share can hold objects that are got no more. So one of its objects is looked at for each
// kEvictionsPerStep evictions, to learn how many are got.
//
// A get costs no message: gets are counted in the clients' pin tables, and read when an object is about to be chosen.
// The state of an object is two bytes, in the server's heap. After a restart of the server, the newcomers' share is
// that of the server before, which is in the ledger; the newcomers are the objects with the earliest last accesses, the
// main queue has the others, and there are no ghosts.
//
// Not thread-safe, like all policies.

#include "shm/eviction/ghosts.h"
#include "shm/eviction/newcomers_share.h"
#include "shm/eviction/policy.h"
#include "shm/os/reserved_vector.h"

namespace dolium::shm {

class AdaptivePolicy final : public Policy {
 public:
  static constexpr std::uint32_t kMostVisits = 2;         ///< maximum number of gets that count in the main queue
  static constexpr std::uint32_t kEvictionsPerStep = 16;  ///< between two adjustments of the share

  /// The store fills while it has 1 / kFillingShare less in use than at the last eviction.
  static constexpr std::uint64_t kFillingShare = 8;

  explicit AdaptivePolicy(const PolicyView& view);

  /// Not the place in a queue, but how lately an object was used.
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override;
  [[nodiscard]] Lane lane(SlotIndex slot) const override { return states_[slot].lane(); }
  [[nodiscard]] Lane next(const LaneBytes& bytes) const override {
    return share_.main_is_over(bytes) ? Lane::second : Lane::first;
  }
  [[nodiscard]] bool counts_hits() const noexcept override { return true; }
  void enter(SlotIndex slot, Arrival arrival, const LaneBytes& bytes) override;
  void evicted(SlotIndex slot, std::uint32_t objects) override;
  [[nodiscard]] bool stays(SlotIndex slot) const override;
  Side requeue(SlotIndex slot) override;
  [[nodiscard]] Side demotion_side() const override { return share_.main_returns() ? Side::beginning : Side::end; }
  [[nodiscard]] bool windows_by_lane() const override { return !share_.is_exchange(); }
  void lacked_window() override { share_.lacked_window(); }
  void prefetch_id(std::uint64_t id_hash) const override { ghosts_.prefetch(id_hash); }
  void forget_hits(SlotIndex slot, std::uint32_t hits) override;
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept override;

  [[nodiscard]] double newcomers_share() const noexcept { return share_.share(); }

 private:
  /// In two bytes, since every object has one. Of the number of hits, only the lowest bits are kept: enough to tell how
  /// many there were since the last look, but for one in 4096 objects with thousands of them.
  class State {
   public:
    State() = default;
    /// In the main queue.
    State(std::uint32_t visits, std::uint32_t base) noexcept : State(kMainBit, visits, base) {}
    /// A newcomer that was read back from disk: its last access is not later than its seal only because of a get.
    [[nodiscard]] static State read_back(std::uint32_t base) noexcept { return {0U, 1, base}; }
    /// A newcomer that was in the main queue.
    [[nodiscard]] static State demoted(std::uint32_t base) noexcept { return {kDemotedBit, 1, base}; }

    [[nodiscard]] Lane lane() const noexcept { return (word_ & kMainBit) != 0 ? Lane::second : Lane::first; }
    [[nodiscard]] Ghosts::Origin origin() const noexcept {
      return (word_ & (kMainBit | kDemotedBit)) != 0 ? Ghosts::Origin::main : Ghosts::Origin::newcomers;
    }
    /// Gets that count. Of a newcomer: not 0 if its base is known.
    [[nodiscard]] std::uint32_t visits() const noexcept { return word_ >> kVisitsShift & kVisitsMask; }
    [[nodiscard]] std::uint32_t base() const noexcept { return word_ & kBaseMask; }
    /// Gets since then, if the clients' tables count so many now.
    [[nodiscard]] std::uint32_t hits_since(std::uint32_t sum) const noexcept {
      const std::uint32_t since = (sum - word_) & kBaseMask;
      return since != kBaseMask ? since : 0;  // one fewer than expected: see AdaptivePolicy::enter()
    }
    void forget(std::uint32_t hits) noexcept {
      word_ = static_cast<std::uint16_t>((word_ & ~kBaseMask) | ((word_ - hits) & kBaseMask));
    }

   private:
    static constexpr std::uint32_t kMainBit = 1U << 15;
    static constexpr std::uint32_t kDemotedBit = 1U << 14;
    static constexpr int kVisitsShift = 12;
    static constexpr std::uint32_t kVisitsMask = 3;
    static_assert(kMostVisits <= kVisitsMask);
    static constexpr std::uint32_t kBaseMask = (1U << kVisitsShift) - 1;

    State(std::uint32_t bits, std::uint32_t visits, std::uint32_t base) noexcept
        : word_(static_cast<std::uint16_t>(bits | visits << kVisitsShift | (base & kBaseMask))) {}

    std::uint16_t word_ = 0;
  };

  [[nodiscard]] bool was_got(SlotIndex slot) const;
  [[nodiscard]] std::uint32_t hits_by_now(SlotIndex slot) const;
  [[nodiscard]] std::uint32_t visits_by_now(SlotIndex slot) const;
  [[nodiscard]] State recovered(SlotIndex slot, const LaneBytes& bytes);
  [[nodiscard]] bool begins_in_main(SlotIndex slot, const LaneBytes& bytes);
  Side requeue_main(SlotIndex slot);
  void look_at_main(SlotIndex slot);
  void look_at_next_slot();

  PolicyView view_;
  ReservedVector<State> states_;  // by slot, up to the highest slot so far
  Ghosts ghosts_;
  NewcomersShare share_;
  std::uint64_t full_bytes_ = UINT64_MAX;  // in use at the last eviction
  std::uint32_t evictions_ = 0;            // since the last adjustment
  SlotIndex next_look_ = 0;
  /// The newcomer that joined the main queue last, until the next eviction. If it comes to the end at once, because it
  /// is larger than the main queue's share, it joins the newcomers at the beginning, and is evicted no sooner than by
  /// lru.
  SlotIndex promoted_ = kNoSlot;
};

}  // namespace dolium::shm
