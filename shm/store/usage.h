#pragma once
// Usage: which objects are in use, and how recently and how often each was used.
//
// An object is in use while a client's pin table counts a reference to it, or while it is held. A hold is the server's
// own reference, for a client that was promised the object and has not taken its own reference yet. Holds are turned
// into grants: promises with a number, which end when the client's table says that it took them up.
//
// Whether an object is in use is never remembered: tables are read for each question, because clients take references
// without a message. Only eviction's choice of victims (refresh()) remembers for a moment which clients touched what,
// if there are many clients (access_summary.h). Holds end with the server that gave them; everything else outlives it.
//
// Not thread-safe.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "shm/eviction/candidates.h"
#include "shm/store/access_summary.h"
#include "shm/store/clients.h"
#include "shm/store/graces.h"
#include "shm/store/rows.h"

namespace dolium::shm {

class Usage final : public Candidates {
 public:
  Usage(Rows& rows, Clients& clients, Graces& graces) noexcept
      : rows_(rows),
        clients_(clients),
        graces_(graces),
        summary_(rows, clients),
        holds_(rows.index.slot_count() / kHoldsPerPage + 1) {}

  // ---- holds and grants ----

  /// Keeps a sealed object, once more, until drop_hold() or until the grant that it belongs to is taken up.
  void hold(SlotIndex slot);
  void drop_hold(SlotIndex slot);
  /// Turns holds into a grant. Returns its number, one more than that of the client's last grant. The holds end when
  /// the client's table says that it took its own references (granted_through), or with the client.
  [[nodiscard]] std::uint64_t grant(ClientId client, std::vector<SlotIndex> held);
  /// The client takes up no more of its grants.
  void drop_grants(ClientId client);
  /// After a recovery: the client took up all grants that it knows. The next number follows its last.
  void renew_grants(ClientId client);
  /// Ends the holds of all grants that were taken up by now.
  void take_up_grants();

  // ---- looks at a slot ----

  /// Whether a client or a hold uses the object.
  [[nodiscard]] bool in_use(SlotIndex slot);
  /// Whether any of them is. Reads one word of each client's table for many slots.
  [[nodiscard]] bool any_in_use(std::span<const SlotIndex> slots);
  /// For each slot from `begin`, which begins a page of the pin tables, to `end`: whether it is in use. A reference to
  /// a slot that is being written counts, too.
  [[nodiscard]] std::vector<bool> slots_in_use(SlotIndex begin, SlotIndex end) const;
  /// The last access up to `now`.
  [[nodiscard]] TimeNs last_access(SlotIndex slot, TimeNs now) const noexcept;
  /// Number of looks so far: one for each object, and one for each client's table that was read. A measure of work
  /// without a clock.
  [[nodiscard]] std::uint64_t looks() const noexcept { return looks_ + summary_.work(); }
  void count_look() noexcept { looks_ += 1 + clients_.size(); }
  /// Number of victims for which the clients' tables are best read together.
  [[nodiscard]] std::size_t best_batch() const noexcept {
    return std::clamp<std::size_t>(clients_.size() / kClientsPerVictim, 1, kMostTogether);
  }
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept {
    return summary_.bookkeeping_bytes() + hold_pages_ * sizeof(HoldPage);
  }
  /// From now on, hit_sum() can become smaller: `take(slot, hits)` is called first, for a sealed object.
  void take_hits_with(AccessSummary::TakeHits take) { summary_.take_hits_with(std::move(take)); }

  // ---- Candidates ----

  /// An object that a grace keeps is as one in use: it waits beside the order until the grace is over. So is a dirty
  /// one, until it is written.
  Use refresh(SlotIndex slot) override;
  [[nodiscard]] std::uint32_t hit_sum(SlotIndex slot) override;
  [[nodiscard]] std::uint64_t id_hash(SlotIndex slot) const override { return rows_.index.id_hash(slot); }
  void prefetch(SlotIndex slot, int step) const override { rows_.index.prefetch_unlink(slot, step); }

 private:
  static constexpr std::size_t kClientsPerVictim = 16;
  static constexpr std::size_t kMostTogether = 64;
  static constexpr std::size_t kHoldsPerPage = 1024;
  using HoldPage = std::array<std::uint32_t, kHoldsPerPage>;

  void take_up_grants(AttachedClient& client);
  [[nodiscard]] bool has_hold(SlotIndex slot) const noexcept {
    const auto& page = holds_[slot / kHoldsPerPage];
    return page != nullptr && (*page)[slot % kHoldsPerPage] != 0;
  }
  [[nodiscard]] bool is_held(SlotIndex slot);
  [[nodiscard]] bool is_any_held(std::span<const SlotIndex> slots);
  [[nodiscard]] bool is_any_referenced(std::span<const SlotIndex> slots) const;
  using Tables = std::optional<std::span<const std::uint32_t>>;  // positions in Clients::views()
  template <class Visit>
  void for_each_recent(SlotIndex slot, Visit&& visit);
  template <class Visit>
  void for_each_entry(SlotIndex slot, const Tables& touching, Visit&& visit) const;

  Rows& rows_;
  Clients& clients_;
  Graces& graces_;
  AccessSummary summary_;
  std::vector<std::unique_ptr<HoldPage>> holds_;  // number of holds, by slot; a page is made for its first hold
  std::size_t hold_pages_ = 0;
  std::size_t held_ = 0;  // number of slots with holds
  std::uint64_t looks_ = 0;
};

}  // namespace dolium::shm
