#pragma once
// Room: slots and extents for new objects. Evicts, moves, sweeps and recalls until there is room, or says that there is
// none.
//
//   room.cc             a slot and an extent for a new object, step by step from cheap to expensive
//   room_eviction.cc    eviction: single objects, and windows of neighbours
//   room_relocation.cc  moving objects: in idle moments against fragmentation, and out of the way of one create
//   room_upkeep.cc      what clients that left held, and memory that is made warm ahead of its use
//
// Not thread-safe.

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <dolium/result.h>

#include "shm/os/large_pages.h"
#include "shm/store/clients.h"
#include "shm/store/graces.h"
#include "shm/store/lease_recall.h"
#include "shm/store/pins.h"
#include "shm/store/refusals.h"
#include "shm/store/sealed_objects.h"
#include "shm/store/search_rest.h"
#include "shm/store/usage.h"
#include "shm/store/writable_extents.h"

namespace dolium::shm {

class Room {
 public:
  /// Number of retired objects that each create looks at; and a create that finds no room, before it evicts anything.
  static constexpr std::size_t kSweepStep = 32;
  static constexpr std::size_t kSweepForRoom = 1024;
  /// Maximum number of looks at dirty objects, and at their neighbours, of one dirty_in_the_way(): a millisecond. And
  /// of windows that are compared.
  static constexpr std::uint64_t kDirtyLooks = 16 * 1024;
  static constexpr std::size_t kDirtyWindows = 32;
  /// Number of times that readers may spoil a plan of eviction before the create gives up.
  static constexpr int kMaxPlans = 16;
  /// The same, of a plan that moves pinned objects out of the way.
  static constexpr int kMaxClearings = 4;
  /// A window search dominates the cost of a small put. So one search makes room for this many objects of the size, as
  /// long as that is no more than this share of the arena, as 1/n.
  static constexpr std::uint64_t kEvictedAhead = 8;
  static constexpr std::uint64_t kAheadShare = 2048;
  /// Beside very many clients, objects are evicted in batches, because their tables are read once for a batch
  /// (Usage::best_batch()): no more than this share of the arena, and of all objects, at once, as 1/n.
  static constexpr std::uint64_t kBatchShare = 512;
  /// Maximum size of an object that is moved in an idle moment: a request waits no longer than for this copy.
  static constexpr std::uint64_t kMostRelocated = std::uint64_t{1} << 20;
  /// Maximum number of bytes that one trim_piece() gives back: some ms. And of free extents that it looks at, the
  /// largest first.
  static constexpr std::uint64_t kMostTrimmed = std::uint64_t{8} << 20;
  static constexpr std::uint32_t kTrimLooks = 4096;
  /// One byte may be moved for so many bytes for which eviction made room.
  static constexpr std::uint64_t kStoredPerRelocated = 10;
  /// After the machine had no memory for so many bytes: time in which creates do not try to get as much again, unless
  /// they would be refused. A try reads some files of /proc and of the cgroup.
  static constexpr TimeNs kGrowthRest = 100'000'000;
  /// Number of pages of a departed client's pin table that one tidy() adds to the rows.
  static constexpr std::uint32_t kPagesPerPiece = 4;

  Room(Rows& rows, Clients& clients, Pins& pins, Graces& graces, Usage& usage, WritableExtents& writing,
       LeaseRecall& leases, Spill& spill, SealedObjects& sealed, Refusals& refusals);
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // ---- for a new object ----

  /// Checks a creation, takes a slot and an extent, and writes the row. Nothing else knows of the object yet.
  [[nodiscard]] Result<Placement> place(const AttachedClient& creator, const NewObject& object);
  /// place(), and from then on the client is writing it.
  [[nodiscard]] Result<Placement> begin(AttachedClient& creator, const NewObject& object);
  /// A slot, with memory for all that its row says of this object. If an object must be evicted for the slot, then so
  /// that there is room for `size` bytes, too.
  [[nodiscard]] Result<SlotIndex> take_slot_for(const NewObject& object, std::uint64_t size);
  /// A slot alone.
  [[nodiscard]] Result<SlotIndex> take_slot(std::uint64_t size);
  void write_row(SlotIndex slot, std::uint64_t offset, const NewObject& object, const AttachedClient& creator);
  /// A free extent of that size, by eviction. False when there is none.
  [[nodiscard]] bool make_window(std::uint64_t size, Eviction::Effort effort);

  // ---- for the spill tier ----

  /// An object of retention `keep` that is dirty when it is sealed. out_of_memory, with the cause `disk`:
  /// Spill::may_keep() says no. Other objects may always be created.
  [[nodiscard]] Result<void> check_kept(const NewObject& object) {
    return rows_.keeps(object.retention) ? check_dirty_limit(object) : Result<void>();
  }

  /// Gives a spilled object an extent to be read back to by this client: Spill::begin_reading(). Returns its offset.
  [[nodiscard]] Result<std::uint64_t> begin_reading(SlotIndex slot, ClientId reader, TimeNs now);
  struct DirtyWindow {
    std::vector<SlotIndex> slots;
    bool complete = false;  ///< it is empty, and no dirty object is in any window
  };
  /// The dirty objects that must be written before eviction can free so many contiguous bytes: those of a window around
  /// one that was sealed early. Empty if there is nothing to write that would help, or if it was not found this time:
  /// each call looks at a bounded number of objects, and the next one continues.
  [[nodiscard]] DirtyWindow dirty_in_the_way(std::uint64_t size, TimeNs now);
  /// A record becomes a spilled object: SealedObjects::adopt_record().
  [[nodiscard]] Result<SlotIndex> adopt_record(const Spill::Record& record, TimeNs now);

  // ---- on request ----

  struct Evicted {
    std::uint64_t bytes = 0;         ///< of the arena
    std::uint64_t object_bytes = 0;  ///< data and metadata of the evicted objects
    bool more = true;                ///< fewer than asked for, and more may be evicted
  };
  /// Evicts the coldest objects until `bytes` more are free, or nothing can be evicted. Returns the bytes freed.
  [[nodiscard]] std::uint64_t evict(std::uint64_t bytes, TimeNs now) { return evict_all(bytes, now).bytes; }
  [[nodiscard]] Evicted evict_all(std::uint64_t bytes, TimeNs now);
  /// evict(), kRemovalsPerPiece objects at most.
  [[nodiscard]] Evicted evict_piece(std::uint64_t bytes, TimeNs now);
  struct Trimmed {
    std::uint64_t bytes = 0;
    bool more = false;
  };
  /// Gives free memory back to the system, kMostTrimmed bytes at most. invalid_argument for a store that has reserved
  /// its memory for good (preallocate, huge_pages).
  [[nodiscard]] Result<Trimmed> trim_piece(std::uint64_t most = kMostTrimmed);
  /// Moves an object that is not in use, if that brings free bytes together. Returns whether to look for another. Call
  /// it when there is nothing better to do.
  bool relocate_one();
  /// Whether relocate_one() may find anything: eviction had to make room since it last found nothing.
  [[nodiscard]] bool wants_relocation() const noexcept { return fragmented_; }
  /// Frees all retired objects that are not in use any more.
  void sweep() { sealed_.sweep(sealed_.retired().count); }

  // ---- room for waiting creates ----

  /// Whether a release matters, because a create waits. Sequentially consistent: look for room afterwards.
  void set_release_wanted(bool wanted) noexcept { rows_.index.set_release_wanted(wanted); }
  /// Whether room may have appeared since the last call: something was freed, sealed or unpinned.
  [[nodiscard]] bool take_room_made() noexcept { return std::exchange(rows_.room_made, false); }
  /// Number of looks that it took so far to find room: at each object, one in each client's pin table.
  [[nodiscard]] std::uint64_t looks() const noexcept { return usage_.looks(); }
  /// For the statistics: a create was refused, or waited in vain, for want of room.
  void count_refusal() noexcept { ++rows_.counters().refused; }
  /// A create failed with this error, at once or after waiting: Refusals::note().
  void note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now);

  // ---- upkeep ----

  /// A client left: this is its pin table. What it held is freed, and what it used becomes known, by tidy().
  void note_departure(ClientId client, PinTable table);
  [[nodiscard]] bool wants_tidying() const noexcept { return unswept_ != 0 || !clients_.departed().empty(); }
  void tidy();  ///< one piece: some hundred us
  /// Notes what ArenaMemory::warm() achieved.
  void warmed(const ArenaMemory::Stretch& stretch, const ArenaMemory::Warmth& warmth);
  /// The next piece of the store's tables for make_large_pages().
  [[nodiscard]] std::optional<std::span<std::byte>> next_large_page() { return large_pages_.next(); }

 private:
  [[nodiscard]] Result<void> check_dirty_limit(const NewObject& object);
  [[nodiscard]] Result<std::uint64_t> take_extent(std::uint64_t size, SlotIndex slot);
  [[nodiscard]] SlotIndex take_row();
  [[nodiscard]] std::optional<std::uint64_t> allocate(std::uint64_t size, SlotIndex slot);
  [[nodiscard]] std::optional<std::uint64_t> make_room(std::uint64_t size, SlotIndex slot);
  [[nodiscard]] std::optional<std::uint64_t> grow_before_refusal(std::uint64_t size, SlotIndex slot,
                                                                 Eviction::Effort effort);
  void end_arena_for_now(Error why, std::uint64_t size);
  [[nodiscard]] bool may_grow(std::uint64_t bytes) const noexcept;
  [[nodiscard]] bool sweep_before_refusal();
  [[nodiscard]] Eviction::Effort widest(std::uint64_t size) const noexcept {
    return search_rest_.allows(size, rows_.now) ? Eviction::Effort::all : Eviction::Effort::quick;
  }
  [[nodiscard]] std::optional<std::uint64_t> evict_for(std::uint64_t size, SlotIndex slot, Eviction::Effort effort);
  [[nodiscard]] bool evict_window(std::uint64_t size, Eviction::Effort effort);
  [[nodiscard]] bool evict_or_clear(std::uint64_t size);
  enum class Batch : std::uint8_t { none, allowed };
  [[nodiscard]] bool evict_coldest(Batch batch);
  void add_batch(std::vector<SlotIndex>& victims, std::uint64_t size);
  [[nodiscard]] SlotIndex evict_for_slot(std::uint64_t size);
  void keep_low_water_mark();
  [[nodiscard]] bool clear_way(std::uint64_t size);
  [[nodiscard]] std::vector<EvictionKey> sample_keys() const;
  [[nodiscard]] bool move_aside(std::span<const SlotIndex> slots);
  [[nodiscard]] bool fold(Clients::Departed& departed);
  void fold_access(const Clients::Departed& departed, SlotIndex slot);

  Rows& rows_;
  Clients& clients_;
  Pins& pins_;
  Graces& graces_;
  Usage& usage_;
  WritableExtents& writing_;
  LeaseRecall& leases_;
  Spill& spill_;
  SealedObjects& sealed_;
  Refusals& refusals_;
  LargePages large_pages_;
  SearchRest search_rest_;      // of searches for a window
  SearchRest coldest_rest_;     // of searches for any object
  SearchRest sweep_rest_;       // of looks at all retired objects
  std::size_t next_dirty_ = 0;  // where the next dirty_in_the_way() continues, and how many it has seen in vain
  std::size_t dirty_seen_ = 0;
  struct Shortage {
    Error why;
    std::uint64_t bytes;  // of the object, or of the index
    TimeNs at;
  };
  std::optional<Shortage> shortage_;     // the last time that no memory could be reserved
  std::uint64_t relocation_credit_ = 0;  // bytes
  std::size_t unswept_ = 0;              // retired objects to look at, because a client left
  bool fragmented_ = false;
};

}  // namespace dolium::shm
