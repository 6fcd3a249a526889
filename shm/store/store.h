#pragma once
// Store: the state machine. It knows objects, extents, clients' references, and what may be evicted; it knows
// no socket, no file, no clock (time is passed in), and waits for nothing.
//
// An object's life, by the state in its row's margin:
//   unsealed   create(): has a slot and an extent, found through unsealed_ only, owned by one client.
//              A lease is one, too: an extent out of whose end sealed objects are cut
//              (store_leases.cc)
//   sealed     seal(): in the index, visible to all; in eviction_ unless pinned
//   retired    removed, expired or cleared while somebody held it: in retired_ until the last release
//   abandoned  was unsealed when an earlier daemon died, or was aborted by a writer that cannot take back its pointers:
//              in abandoned_ until its writer lets go of it, or is gone.
//              Or its writer is gone: in quarantine_ until no I/O of that writer can reach it (store_quarantine.cc)
//   free       neither slot nor extent
//
// Who owns what: the index owns the rows that clients see and, in their margin, what the daemon notes of them, the
// ledger the rest of what only requests see, the arena the extents; references are owned by the clients, in their pin
// tables, and read from there each time. Holds are the daemon's own references: for a client that was promised an
// object and has not taken its own reference yet.
//
// What a store knows lies in the memory of segments() and of the pin tables, but for holds, which end with the daemon
// that gave them: recover() makes a store of what a dead daemon left, whatever it was in the middle of
// (store_recovery.cc).
//
// Not thread-safe. Everything a client can do is validated here; callers only decode.

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/arena/arena.h"
#include "shm/arena/arena_memory.h"
#include "shm/arena/quarantine.h"
#include "shm/eviction/eviction.h"
#include "shm/os/large_pages.h"
#include "shm/store/store_types.h"
#include "shm/store/unsealed_objects.h"
#include "shm/table/expiry.h"
#include "shm/table/index_reader.h"
#include "shm/table/ledger.h"
#include "shm/table/object_index.h"
#include "shm/table/pin_table.h"
#include "shm/types/stats_piece.h"

namespace dolium::shm {

class Store final : private Candidates {
 public:
  /// How many objects a client may be writing at once.
  static constexpr std::size_t kMaxUnsealedPerClient = 65536;
  /// How many retired objects one allocation asks after; and one that finds no room, before it evicts anything.
  static constexpr std::size_t kSweepStep = 32;
  static constexpr std::size_t kSweepForRoom = 1024;
  /// So many are all asked after before a refusal; of more, not again for kSweepRest for each, some ten times the look.
  static constexpr std::size_t kSweepAlways = 4096;
  static constexpr TimeNs kSweepRest = 160;
  /// Ids that hash alike are easily made, and what stands in one chain of the index is walked by all who look for any
  /// of it. Ids made at random, in a full index, share one with a dozen. No more than readers pass.
  static constexpr std::uint32_t kLongestChain = IndexReader::kMaxSteps;
  /// What a piece of tidy() folds; and how many pieces detach() does at once.
  static constexpr std::uint32_t kPagesPerPiece = 4;
  static constexpr int kPiecesAtOnce = 4;
  /// How many objects one page of list() looks at.
  static constexpr std::uint32_t kListPage = 4096;
  /// How many objects are removed in one piece of a clear() or of an evict().
  static constexpr std::uint32_t kRemovalsPerPiece = 1024;
  /// How often a plan of eviction may be spoilt by readers before the create gives up.
  static constexpr int kMaxPlans = 16;
  /// To find a window takes longer than all else that a small object needs: one is sought for so many of its size at
  /// once, as long as that is no more than this part of the arena.
  static constexpr std::uint64_t kEvictedAhead = 8;
  static constexpr std::uint64_t kAheadShare = 2048;
  /// For how many evictions at once what they touch is fetched: some five lines each, a small part of a core's caches.
  static constexpr std::size_t kFetchedTogether = 64;
  /// How large an object may be that is moved: nobody waits longer than for a copy of so many bytes.
  static constexpr std::uint64_t kMostRelocated = std::uint64_t{1} << 20;
  /// One byte may be moved for so many that eviction made room for.
  static constexpr std::uint64_t kStoredPerRelocated = 10;
  /// Where eviction alone finds no window for a create, pinned objects that no client uses are moved out of the way: so
  /// many bytes together at most, some milliseconds.
  static constexpr std::uint64_t kMostMovedAside = std::uint64_t{16} << 20;
  /// How often that is tried again when clients have taken some of the objects meanwhile.
  static constexpr int kMaxClearings = 4;
  /// A lease that its client has not used for so long is idle: it is recalled before a create is refused. Those in use
  /// are, too, between two puts, but no more often than that.
  static constexpr TimeNs kIdleLease = 100'000'000;
  /// All leases together take the arena's bytes by this at most: nobody can evict them.
  static constexpr std::uint64_t kLeasedShare = 8;
  /// How often, at most, refusals have all pin tables searched for who holds the memory.
  static constexpr TimeNs kHolderSearch = 100'000'000;

  [[nodiscard]] static Result<std::unique_ptr<Store>> create(const StoreConfig& config, TimeNs now);
  /// Goes on with what segments() of an earlier store gave, in that order, whatever it was in the middle of when it
  /// ended. `survivors` are all clients whose processes may still use it: what one who is missing here holds, or
  /// writes, is taken for free. What belongs to the memory (capacity, max_objects, eviction_policy) is as it was,
  /// whatever `config` says.
  [[nodiscard]] static Result<std::unique_ptr<Store>> recover(const StoreConfig& config, std::vector<UniqueFd> memory,
                                                              std::vector<Survivor> survivors, TimeNs now);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// The memory to keep for a successor, beside the clients' pin tables.
  [[nodiscard]] std::vector<const Segment*> segments() const;
  [[nodiscard]] const Incarnation& incarnation() const noexcept { return index_.incarnation(); }
  /// An orderly stop: from here on no client gets anything, and no other server can go on with the store. For ever.
  void end() noexcept { index_.end(); }
  /// What recover() found.
  [[nodiscard]] const Recovery& recovery() const noexcept { return recovery_; }

  /// One listener, which outlives the store or is taken away with nullptr.
  void set_listener(StoreListener* listener) noexcept { listener_ = listener; }

  // ---- clients ----

  [[nodiscard]] Result<ClientId> attach(const ClientIdentity& identity, TimeNs now);
  /// A client that begins with a copy of another's references, as a child of fork() does: what the original holds at
  /// this moment is held twice from here on. Not its unsealed objects, not its grants. The same identity, until
  /// set_process().
  [[nodiscard]] Result<ClientId> attach_copy(ClientId original, TimeNs now);
  void set_process(ClientId client, std::int32_t pid, std::string command);
  void set_origin(ClientId client, ClientOrigin origin);
  /// The client is gone for good: its unsealed objects are aborted, its references and holds dropped. The memory of
  /// what was lent to it is in quarantine from here on. Where there is much to look at, what was removed while it held
  /// it is freed, and what it used becomes known, by and by: tidy().
  void detach(ClientId client, TimeNs now);
  [[nodiscard]] bool wants_tidying() const noexcept { return unswept_ != 0 || !departed_.empty(); }
  void tidy();  ///< some hundred us of it
  /// What it is writing takes, but for leases. 0 for a client that is not attached.
  [[nodiscard]] std::uint64_t unsealed_bytes(ClientId client) const noexcept;
  [[nodiscard]] const Segment& pin_table_segment(ClientId client) const;
  [[nodiscard]] const Segment& index_segment() const noexcept { return index_.segment(); }
  [[nodiscard]] const Segment& arena_segment() const noexcept { return memory_.segment(); }

  // ---- the life of an object ----

  /// Everything that can be wrong with a creation but the want of room: what waiting would not mend.
  [[nodiscard]] Result<void> check_creation(ClientId client, const NewObject& object) const;
  /// out_of_memory when there is no room and none can be made; errors as check_creation().
  [[nodiscard]] Result<Placement> create_object(ClientId client, const NewObject& object, TimeNs now);
  /// create_object(), the bytes and seal() in one, for who has the bytes at hand. Errors as create_object().
  [[nodiscard]] Result<SlotIndex> put_object(ClientId client, const NewObject& object, std::span<const std::byte> data,
                                             std::span<const std::byte> metadata, TimeNs now);
  /// The bytes of an unsealed object: data, then metadata.
  [[nodiscard]] std::span<std::byte> writable_bytes(SlotIndex slot) const;
  /// With an offset, which is where its bytes must be: not_found for one that is elsewhere.
  [[nodiscard]] Result<SlotIndex> seal(ClientId client, const ObjectId& id, TimeNs now,
                                       std::optional<std::uint64_t> offset = {});
  [[nodiscard]] Result<void> abort(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset = {});
  /// abort(), but the memory stays the creator's, as what an earlier server has left, until give_up_abandoned() at the
  /// offset that is returned. The id is free at once.
  [[nodiscard]] Result<std::uint64_t> abort_and_keep(ClientId client, const ObjectId& id,
                                                     std::optional<std::uint64_t> offset = {});
  /// Its bytes may be written by its creator from here on, not by us alone.
  void lend(SlotIndex slot) { margin(slot).lent = true; }
  /// The creator will not write to this object of before recover() any more. Without an offset: to one of this id that
  /// it was never told where it is, and that is at none of the `spared` offsets. not_found when there is none.
  [[nodiscard]] Result<void> give_up_abandoned(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset,
                                               std::span<const std::uint64_t> spared = {});
  [[nodiscard]] Result<bool> remove(const ObjectId& id, TimeNs now);
  /// Coldest first, until so many bytes are free that were not, or nothing more may go. Returns how many they are.
  [[nodiscard]] std::uint64_t evict(std::uint64_t bytes, TimeNs now) { return evict_all(bytes, now).bytes; }
  struct Evicted {
    std::uint64_t bytes = 0;         ///< of the arena
    std::uint64_t object_bytes = 0;  ///< data and metadata of the evicted objects
    bool more = true;                ///< fewer than asked for, and more may go
  };
  [[nodiscard]] Evicted evict_all(std::uint64_t bytes, TimeNs now);
  [[nodiscard]] Evicted evict_piece(std::uint64_t bytes, TimeNs now);
  void clear(TimeNs now);
  /// A piece of it: from slot `cursor` on, of what was sealed up to `through` (last_seal() when it began). Returns
  /// where the next piece begins; 0: this was the last.
  [[nodiscard]] SlotIndex clear(TimeNs now, SlotIndex cursor, TimeNs through);
  [[nodiscard]] TimeNs last_seal() const noexcept { return last_seal_; }
  [[nodiscard]] Result<void> pin(ClientId client, const ObjectId& id, TimeNs now);
  [[nodiscard]] Result<void> unpin(const ObjectId& id, TimeNs now);
  /// Removes what is due, some thousand objects at most. Call it at next_expiry(), which may be at once.
  void expire(TimeNs now);
  [[nodiscard]] TimeNs next_expiry() const noexcept { return expiry_.next_due(); }

  // ---- leases (store_leases.cc) ----

  /// An extent for a client that writes many objects before it says what they are. `id` is a new one at random: it is
  /// an object that is being written, and never sealed; abort() takes back what is left. `bytes`: a multiple of
  /// kUnitBytes. Errors as create_object(); and out_of_memory when it were more than half of what a client may write,
  /// when all leases that are in use together took more than a part of the arena (kLeasedShare; idle ones are recalled
  /// first), and where no room is found at once but by evicting what is still warm. `recall`: which of the LeaseWords
  /// of its pin table the client uses for it, so that it can be taken back; none: it cannot.
  [[nodiscard]] Result<Placement> lease(ClientId client, const ObjectId& id, std::uint64_t bytes, TimeNs now,
                                        std::optional<std::uint32_t> recall = std::nullopt);
  /// The client's own; not_found when it has none of this id (any more).
  [[nodiscard]] Result<SlotIndex> find_lease(ClientId client, const ObjectId& id) const;
  /// What is left of it: bytes that its client may be writing to.
  [[nodiscard]] std::span<const std::byte> leased_bytes(SlotIndex lease) const {
    return memory_.bytes(arena_.offset_of(ExtentRef::live(lease)), taken_bytes(lease));
  }
  /// put_object() of what stands at the end of a lease: data, metadata and the type's name, from the start of its last
  /// Arena::taken_by() bytes on. These are not the lease's any more, whatever the outcome; with its last it is gone.
  /// Precondition: it has so many.
  [[nodiscard]] Result<SlotIndex> put_leased(ClientId client, SlotIndex lease, const NewObject& object, TimeNs now);

  // ---- holds and grants ----

  /// Before several find()s, or creations: has the processor fetch where they will look.
  void prefetch(std::span<const ObjectId> ids) const noexcept { index_.prefetch(ids); }
  /// The sealed object's slot, or kNoSlot.
  [[nodiscard]] SlotIndex find(const ObjectId& id) const noexcept { return index_.find(id); }
  [[nodiscard]] SlotFields fields(SlotIndex slot) const noexcept { return index_.read(slot); }
  /// When the object in this slot was sealed; no two are alike, and each is later than those before.
  [[nodiscard]] TimeNs sealed_at(SlotIndex slot) const noexcept { return row(slot).sealed; }
  /// Visits the objects of slots [begin, begin + kListPage) that were sealed up to `through`; returns where to go on, 0
  /// at the end.
  template <class Visit>
  std::uint32_t for_sealed_page(std::uint32_t begin, TimeNs through, Visit&& visit) const {
    const std::uint32_t end =
        begin + std::min(index_.slots_touched() - std::min(begin, index_.slots_touched()), kListPage);
    for (SlotIndex slot = begin; slot < end; ++slot)
      if (margin(slot).state == SlotState::sealed && row(slot).sealed <= through) visit(index_.read(slot));
    return end < index_.slots_touched() ? end : 0;
  }
  /// Keeps a sealed object, once more, until drop_hold() or the client's grant has been taken up.
  void hold(SlotIndex slot);
  void drop_hold(SlotIndex slot);
  /// The client will take up no more grants.
  void drop_grants(ClientId client);
  /// After recover(): the client knows of no grant that is not taken up. Numbers go on from there.
  void renew_grants(ClientId client);
  /// Turns holds into a numbered promise to `client`: they end when the client's table says it took its own
  /// references (granted_through), or with the client. Numbers grow by one.
  [[nodiscard]] std::uint64_t grant(ClientId client, std::vector<SlotIndex> held);

  // ---- room ----

  /// Says that a release matters (a create waits) or no longer does. Sequentially consistent: scan afterwards.
  void set_release_wanted(bool wanted) noexcept { index_.set_release_wanted(wanted); }
  /// Frees what was retired and is no longer held.
  void sweep();
  /// How many looks it has taken to find room so far: at each object in question, one in each client's pin table.
  [[nodiscard]] std::uint64_t looks() const noexcept { return looks_; }
  /// True when room may have appeared since the last call: something was freed, sealed, unpinned.
  [[nodiscard]] bool take_room_made() noexcept { return std::exchange(room_made_, false); }
  /// A create was refused, or waited in vain, for want of room: for the statistics.
  void count_refusal() noexcept { ++counters().refused; }
  /// A create was refused with this error, or waited in vain: remembered if it was for want of room or of quota.
  void note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now);
  /// The arena's bytes, for who makes them warm ahead of their use: ArenaMemory::next_to_warm() and warm().
  [[nodiscard]] const ArenaMemory& memory() const noexcept { return memory_; }
  void warmed(const ArenaMemory::Stretch& stretch, const ArenaMemory::Warmth& warmth);
  /// Of the tables of what is stored, what make_large_pages() is to be called with next.
  [[nodiscard]] std::optional<std::span<std::byte>> next_large_page() { return large_pages_.next(); }

  /// Moves an object that nobody holds, when that brings free bytes together, and says whether to look for another.
  /// Call it when there is nothing better to do.
  bool relocate_one();
  /// Whether relocate_one() may find anything: eviction had to make room since it last found nothing.
  [[nodiscard]] bool wants_relocation() const noexcept { return fragmented_; }

  // ---- quarantine (store_quarantine.cc) ----

  /// Pages that I/O of a writer that is gone may still reach, for memory().renew() and then renewed(); nothing when
  /// none are due. One piece at a time.
  [[nodiscard]] std::optional<ArenaMemory::Stretch> next_to_renew() const noexcept { return quarantine_.next_piece(); }
  void renewed(const Renewal& renewal, TimeNs now);
  /// Frees what has rested for long enough, some thousand extents at most. Call it at next_quarantine_deadline().
  void tend_quarantine(TimeNs now);
  [[nodiscard]] TimeNs next_quarantine_deadline() const noexcept { return quarantine_.next_deadline(); }

  // ---- reports ----

  [[nodiscard]] Result<ObjectMetadata> metadata(const ObjectId& id, const Moment& now);
  /// Appends the objects of one page, and returns where the next begins (0: there is none). Start at 0.
  [[nodiscard]] std::uint32_t list(std::uint32_t cursor, const Moment& now, std::vector<ObjectMetadata>& out);
  /// All that the store knows, with one piece of what takes a look at each object; the caller adds who waits.
  [[nodiscard]] StatsPiece stats(TimeNs now, SlotIndex cursor);
  [[nodiscard]] StoreStats stats(TimeNs now);
  /// What the client holds; the caller adds who it is.
  [[nodiscard]] ClientInfo client_info(ClientId client, TimeNs now) const;
  /// How many slots that takes a look at.
  [[nodiscard]] std::uint64_t looks_at(ClientId client) const;
  /// Its names alone.
  [[nodiscard]] ClientUse client_use(ClientId client) const;
  [[nodiscard]] const StoreConfig& config() const noexcept { return config_; }
  /// Bytes of bookkeeping, all told, for the benchmark of overhead.
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const;

  void check_invariants() const;  ///< aborts with a message; recounts everything; for tests

 private:
  struct Grant {
    std::uint64_t number;
    std::vector<SlotIndex> slots;
  };
  struct Client {
    ClientId id;
    ClientIdentity identity;
    TimeNs attached;
    Segment segment;
    PinTable table;
    std::uint64_t last_grant = 0;
    std::deque<Grant> grants;  // not yet taken up, in order
    UnsealedList unsealed;
    std::uint64_t unsealed_count = 0;  // with those that are abandoned, as are the bytes
    std::uint64_t unsealed_bytes = 0;
    std::uint64_t leased_bytes = 0;  // of these
  };
  /// The table of a client that is gone: what it says of slots from `folded` on is not in their ledger yet.
  struct Departed {
    PinTable table;
    SlotIndex folded = 0;
  };
  /// A count of objects and of their bytes in the arena.
  struct Tally {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    void add(std::uint64_t more) noexcept { ++count, bytes += more; }
    void subtract(std::uint64_t less) noexcept { --count, bytes -= less; }
    friend bool operator==(const Tally&, const Tally&) = default;
  };

  [[nodiscard]] static Result<std::unique_ptr<Store>> over(const StoreConfig& config, ArenaMemory memory,
                                                           ObjectIndex index, Ledger ledger, TimeNs now);
  Store(const StoreConfig& config, ArenaMemory memory, ObjectIndex index, Ledger ledger, TimeNs now);

  // what a dead daemon left (store_recovery.cc)
  [[nodiscard]] Result<void> readmit(Survivor survivor);
  void settle_rows();
  void settle_live(SlotIndex slot);
  void settle_odd(SlotIndex slot);
  void vacate(SlotIndex slot);
  void claim_extents();
  [[nodiscard]] bool is_part_of(SlotIndex part, SlotIndex whole) const noexcept;
  void count_row(SlotIndex slot);
  void repair_hits(SlotIndex slot);
  [[nodiscard]] std::uint64_t size_of(SlotIndex slot) const noexcept;

  // Candidates
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override;
  Use refresh(SlotIndex slot) override;
  void prefetch(SlotIndex slot, int step) const override { index_.prefetch_unlink(slot, step); }

  void advance(TimeNs now) noexcept { now_ = now > now_ ? now : now_; }
  [[nodiscard]] Client* find_client(ClientId client) const noexcept;
  [[nodiscard]] Client& client_of(ClientId client) const noexcept;  ///< which must be attached
  [[nodiscard]] LedgerRow& row(SlotIndex slot) const noexcept { return ledger_.row(slot); }
  [[nodiscard]] SlotMargin& margin(SlotIndex slot) const noexcept { return index_.margin(slot); }
  [[nodiscard]] std::uint64_t taken_bytes(SlotIndex slot) const { return arena_.size_of(ExtentRef::live(slot)); }
  [[nodiscard]] StoreCounters& counters() const noexcept { return ledger_.state().counters; }
  [[nodiscard]] Lifetimes lifetimes(SlotIndex slot) const noexcept;
  [[nodiscard]] bool is_mortal(const Expiry::Due& object) const noexcept;
  void look_at(const Expiry::Due& object, TimeNs when);
  [[nodiscard]] Result<ClientId> admit(const ClientIdentity& identity, Segment pin_table, ClientId id, TimeNs attached);
  [[nodiscard]] Result<void> check_creation(const Client& client, const NewObject& object, std::uint64_t counted) const;
  [[nodiscard]] Result<Placement> place(const Client& creator, const NewObject& object);
  [[nodiscard]] Result<SlotIndex> take_slot_for(const NewObject& object, std::uint64_t size);
  [[nodiscard]] Result<void> reserve_notes(SlotIndex slot, const NewObject& object);
  void write_row(SlotIndex slot, std::uint64_t offset, const NewObject& object, const Client& creator);
  void publish(SlotIndex slot, const SlotFields& object, TimeNs created);
  void free_abandoned(std::size_t position);
  SlotIndex forget_abandoned(std::size_t position);
  void uncount_unsealed(SlotIndex slot);
  [[nodiscard]] Result<SlotIndex> put_piece(Client& creator, SlotIndex lease, const NewObject& object);
  [[nodiscard]] Result<SlotIndex> put_rest(const Client& creator, SlotIndex lease, const NewObject& object);
  [[nodiscard]] const UnsealedObject* find_unsealed(const ObjectId& id) const;
  [[nodiscard]] Result<UnsealedObject> own_unsealed(ClientId client, const ObjectId& id,
                                                    std::optional<std::uint64_t> offset) const;

  // room (store_room.cc)
  [[nodiscard]] Result<SlotIndex> take_slot(std::uint64_t size);
  [[nodiscard]] Result<std::uint64_t> take_extent(std::uint64_t size, SlotIndex slot);
  [[nodiscard]] std::optional<std::uint64_t> make_room(std::uint64_t size, SlotIndex slot);
  [[nodiscard]] std::optional<std::uint64_t> evict_for(std::uint64_t size, SlotIndex slot);
  [[nodiscard]] bool evict_window(std::uint64_t size, Eviction::Effort effort = Eviction::Effort::all);
  [[nodiscard]] bool make_window(std::uint64_t size, Eviction::Effort effort);
  [[nodiscard]] bool retire_unused(const std::vector<SlotIndex>& slots);
  void evict_unused(std::span<const SlotIndex> slots);
  [[nodiscard]] bool evict_coldest();
  void keep_low_water_mark();
  [[nodiscard]] Result<void> reserve_arena_to(std::uint64_t end);
  [[nodiscard]] bool relocate(SlotIndex slot, ExtentRef place);
  [[nodiscard]] std::optional<std::uint64_t> clear_for(std::uint64_t size, SlotIndex slot);
  [[nodiscard]] bool clear_way(std::uint64_t size);
  [[nodiscard]] bool move_aside(std::span<const SlotIndex> slots);
  [[nodiscard]] bool may_move(SlotIndex slot) const {
    return config_.relocation && taken_bytes(slot) <= kMostMovedAside;
  }
  bool recall_leases();
  bool recall_leases(bool active);
  void recall_idle_leases();
  [[nodiscard]] bool is_idle_lease(SlotIndex slot) const;
  [[nodiscard]] bool revoke(SlotIndex lease, bool active);
  void sweep_some(std::size_t how_many);
  [[nodiscard]] bool sweep_before_refusal();
  [[nodiscard]] Error no_room(std::uint64_t bytes);
  [[nodiscard]] Error no_slot() const;

  // the end of an object (store_room.cc)
  void retire(SlotIndex slot, RemovalCause cause);
  void leave_index(SlotIndex slot, RemovalCause cause);
  void free_slot(SlotIndex slot);
  void discard_unsealed(const UnsealedObject& object, const ObjectId& id);
  SlotIndex forget_unsealed(const UnsealedObject& object, const ObjectId& id);
  void count_removal(RemovalCause cause, std::uint64_t bytes) noexcept;

  // quarantine (store_quarantine.cc)
  void quarantine(SlotIndex slot);
  void admit_to_quarantine(SlotIndex slot, TimeNs rests_until);
  void return_to_quarantine(SlotIndex slot);
  [[nodiscard]] TimeNs end_of_rest() const noexcept;
  void release_fresh(const Quarantine::Renewed& done);
  [[nodiscard]] bool rest_tail(SlotIndex whole, std::uint64_t bytes, TimeNs until);
  void leave_quarantine(SlotIndex slot);

  // clients (store_clients.cc)
  [[nodiscard]] Result<void> copy_references(const Client& from, Client& to) const;
  [[nodiscard]] bool fold(Departed& departed);
  void fold_access(const PinTable& table, SlotIndex slot);

  // use (store_use.cc)
  [[nodiscard]] bool in_use(SlotIndex slot);
  void take_up_grants(Client& client);
  [[nodiscard]] TimeNs last_access(SlotIndex slot) const noexcept;
  [[nodiscard]] std::uint32_t hit_sum(SlotIndex slot) const noexcept;
  void set_pinned(SlotIndex slot, std::uint32_t uid);
  void count_pinned(SlotIndex slot);
  void clear_pinned(SlotIndex slot);
  [[nodiscard]] Result<void> check_pin_quota(std::uint32_t uid, std::uint64_t bytes) const;

  // reports (store_report.cc)
  [[nodiscard]] ObjectMetadata describe(SlotIndex slot, const Moment& now) const;
  [[nodiscard]] std::string type_name(SlotIndex slot, const SlotFields& fields) const;
  [[nodiscard]] std::vector<ClientUse> holders_of(SlotIndex slot) const;
  [[nodiscard]] std::vector<ClientUse> top_holders() const;
  [[nodiscard]] std::vector<bool> slots_in_use(SlotIndex begin, SlotIndex end) const;
  void count_objects(SlotIndex begin, SlotIndex end, StatsPiece& piece) const;

  // what is in the way (store_obstacles.cc)
  enum class Barrier : std::uint8_t { none, movable, held, writing, leased, abandoned, pinned };
  [[nodiscard]] Barrier barrier(SlotIndex slot, bool used) const;
  void count_barrier(SlotIndex slot, bool used, StatsPiece& piece) const;
  void look_for_obstacles();

  StoreConfig config_;
  TimeNs now_;
  TimeNs last_seal_ = 0;
  StoreListener* listener_ = nullptr;
  ArenaMemory memory_;
  ObjectIndex index_;
  Ledger ledger_;
  Arena arena_;
  Eviction eviction_;
  LargePages large_pages_;
  Expiry expiry_;
  UnsealedObjects unsealed_;  // before the clients, whose lists it is in
  std::vector<SlotIndex> retired_;
  std::vector<SlotIndex> abandoned_;
  Quarantine quarantine_;
  std::size_t next_sweep_ = 0;
  TimeNs next_full_sweep_ = 0;
  std::unordered_map<SlotIndex, std::uint32_t> holds_;
  std::deque<Departed> departed_;
  std::size_t unswept_ = 0;                       // of retired_: to be asked after, because a client is gone
  std::vector<std::unique_ptr<Client>> clients_;  // by id; few, and walked for each look at a slot
  std::unordered_map<std::uint32_t, std::uint64_t> pinned_by_user_;  // uid -> bytes
  Tally unsealed_tally_, retired_tally_, pinned_tally_, sealed_tally_, quarantined_tally_;
  std::uint64_t leased_bytes_ = 0;  // of what is unsealed
  SlotIndex being_cut_ = kNoSlot;   // the lease out of which an object is made at this moment
  Recovery recovery_;
  std::optional<Refusal> last_refusal_;  // `ago` is filled when it is told
  TimeNs last_refused_ = 0;
  TimeNs next_holder_search_ = 0;
  Obstacles obstacles_;                  // as of the last search
  std::vector<ClientUse> holders_;       // likewise
  TimeNs next_recall_ = 0;               // of leases that are in use
  TimeNs next_idle_recall_ = 0;          // for another lease
  std::uint64_t relocation_credit_ = 0;  // bytes
  std::uint64_t looks_ = 0;
  std::uint64_t evicted_object_bytes_ = 0;  // data and metadata, since this server began
  bool fragmented_ = false;
  bool room_made_ = false;
};

}  // namespace dolium::shm
