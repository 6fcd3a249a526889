#pragma once
// AccessSummary: what the pin tables told of accesses, so that an eviction beside very many clients does not read a row
// of each table.
//
// Model: slots are looked at by the page of pin table entries (256 slots). A look reads one word of each table: whether
// the client touched the page. Only the tables that touched it are read for a slot of the page. When some slots of a
// page were looked at, the page is *settled*: all its entries are read in each table that touched it, the latest access
// to each slot is kept here, and the page is made untouched in these tables (PinTable::settle()). Until a client
// touches the page again, its table is not read for it.
//
//   latest access of a slot = the latest of: its row, latest(slot), the tables in touching(slot), the departed tables
//   hits of a slot          = the sum over the tables that touched it, and the departed ones. Settling takes the hits
//                             off the table, and off the base that the policy subtracts (take_hits_with())
//
// A page that clients keep touching is settled less and less often. A page that a client holds a reference to is never
// untouched in that client's table.
//
// A look is remembered until time passes (Rows::now), or forget(): it only decides what eviction tries. Whether a
// victim is in use is read from every table after its row was made odd (Usage::any_in_use()).
//
// Nothing here outlives the server. After a crash, its successor finds all pages touched again.
//
// Not thread-safe.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "shm/store/clients.h"
#include "shm/store/rows.h"
#include "shm/table/pin_table.h"

namespace dolium::shm {

class AccessSummary {
 public:
  /// Number of clients from which on this is used. With fewer, each table is read for each slot.
  static constexpr std::size_t kManyClients = 16;
  /// Number of looks at slots of one page before the page is settled: mostly its other slots are looked at next. If
  /// most clients have touched it again at the next look, the number doubles, up to kMostLooks.
  static constexpr std::uint32_t kLooksBeforeSettling = 2;
  static constexpr std::uint32_t kMostLooks = 256;

  AccessSummary(Rows& rows, Clients& clients) noexcept : rows_(rows), clients_(clients) {}

  /// Called with hits of a sealed object that a settled table does not count any more.
  using TakeHits = std::function<void(SlotIndex slot, std::uint32_t hits)>;
  /// Without it, hits stay in the tables, and are not to be asked for.
  void take_hits_with(TakeHits take) { take_hits_ = std::move(take); }

  [[nodiscard]] bool is_used() const noexcept { return clients_.size() >= kManyClients; }
  /// Positions in Clients::views() of the tables that touched the slot's page since it was settled. Counts as a look at
  /// the slot; may settle the page. Valid until the next call. Nothing if memory is short: then read all tables.
  [[nodiscard]] std::optional<std::span<const std::uint32_t>> touching(SlotIndex slot) noexcept;
  /// The latest access of which a page told that was settled since; 0 if none did.
  [[nodiscard]] TimeNs latest(SlotIndex slot) const noexcept;
  /// The next touching() reads the tables. Call it when a remembered look turned out to be too old.
  void forget() noexcept { ++forgotten_; }
  /// Number of tables that looks read so far. A measure of work without a clock.
  [[nodiscard]] std::uint64_t work() const noexcept { return work_; }
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;

 private:
  static constexpr std::uint32_t kPerPage = PinTableGeometry::kEntriesPerPage;
  static constexpr std::size_t kRemembered = 64;    // maximum number of remembered looks
  static constexpr std::uint64_t kWorkOfPage = 16;  // to read a page takes as long as to read so many single entries
  using Latest = std::array<TimeNs, kPerPage>;
  using Hits = std::array<std::uint32_t, kPerPage>;

  struct Page {
    std::unique_ptr<Latest> latest;  // of each slot; none before the page is settled
    std::uint32_t looks = 0;         // since it was settled
    std::uint32_t patience = kLooksBeforeSettling;
    std::uint32_t settled = 0;  // number of tables in which it was settled the last time, until the next look
  };
  /// One look at all tables.
  struct Look {
    std::uint32_t page = kNoSlot;
    TimeNs at = 0;
    std::uint64_t changes = 0;  // Clients::changes(), and forgotten_
    std::uint64_t forgotten = 0;
    std::vector<std::uint32_t> tables;
  };

  [[nodiscard]] Page& page_at(std::uint32_t number);
  void look(Look& look, Page& page);
  void settle(Look& look, Page& page);
  [[nodiscard]] static std::uint32_t take_hits(PinEntry& entry) noexcept;
  void tell_hits(SlotIndex begin, const Hits& hits);

  Rows& rows_;
  Clients& clients_;
  TakeHits take_hits_;
  std::vector<Page> pages_;  // up to the highest page that was looked at
  std::array<Look, kRemembered> remembered_;
  std::uint64_t forgotten_ = 0;
  std::uint64_t work_ = 0;
};

}  // namespace dolium::shm
