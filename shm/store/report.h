#pragma once
// Report: what the store tells of itself: one object, a page of objects, a client, figures. A view that cannot change
// the store. Only reports walk over many objects, a page or a piece at a time.
//
// Everything in a client's pin table may be a lie: a lying client can spoil these figures, and nothing else.
//
// Not thread-safe.

#include <cstdint>
#include <vector>

#include <dolium/metadata.h>
#include <dolium/result.h>
#include <dolium/stats.h>

#include "shm/store/rows.h"
#include "shm/store/store_types.h"
#include "shm/types/stats_piece.h"

namespace dolium::shm {

struct StoreParts;

class Report {
 public:
  explicit Report(const StoreParts& parts) noexcept : parts_(parts) {}

  // ---- objects ----

  [[nodiscard]] Result<ObjectMetadata> metadata(const ObjectId& id, const Moment& now) const;
  /// Appends the objects of one page that pass the filter. Returns the cursor of the next page (0: there is none).
  /// Start at 0.
  [[nodiscard]] std::uint32_t list(std::uint32_t cursor, const Moment& now, std::vector<ObjectMetadata>& out,
                                   const ObjectFilter& filter = {}) const;

  // ---- clients ----

  [[nodiscard]] ClientInfo client_info(ClientId client, TimeNs now) const;
  /// Number of slots that client_info() looks at.
  [[nodiscard]] std::uint64_t looks_at(ClientId client) const;
  /// The client's names, without figures.
  [[nodiscard]] ClientUse client_use(ClientId client) const;
  /// The clients that hold or write most, the largest first.
  [[nodiscard]] std::vector<ClientUse> top_holders() const;

  // ---- figures (report_stats.cc) ----

  /// Number of slots that one piece of the stats covers: whole pages of the pin tables, for some 100 us.
  [[nodiscard]] std::uint32_t slots_per_piece() const noexcept;
  /// All figures of the store, and those that are counted object by object for the slots from `cursor` on.
  [[nodiscard]] StatsPiece stats(SlotIndex cursor) const;
  /// Obstacles and walls of the whole arena; nothing else is filled in.
  [[nodiscard]] StatsPiece obstacles() const;
  /// The pinned objects.
  [[nodiscard]] Tally pinned() const noexcept;
  /// Bytes of bookkeeping, for the benchmark of overhead.
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const;

 private:
  enum class Barrier : std::uint8_t { none, movable, held, writing, leased, abandoned, pinned, graced };

  [[nodiscard]] bool passes(SlotIndex slot, const ObjectFilter& filter) const;
  [[nodiscard]] ObjectMetadata describe(SlotIndex slot, const Moment& now) const;
  [[nodiscard]] ObjectPlace place_of(SlotIndex slot) const;
  [[nodiscard]] std::vector<ClientUse> holders_of(SlotIndex slot) const;
  void count_objects(SlotIndex begin, SlotIndex end, StatsPiece& piece) const;
  void fill_totals(StoreStats& stats) const;
  [[nodiscard]] Barrier barrier(SlotIndex slot, bool used) const;
  void count_barrier(SlotIndex slot, bool used, StatsPiece& piece) const;

  const StoreParts& parts_;
};

}  // namespace dolium::shm
