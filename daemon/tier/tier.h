#pragma once
// Tier: the server's side of the spill tier. It decides which objects doliumd-spill writes, reads back and drops, and
// takes its answers (protocol/messages.fbs, "the spill tier"). It does no I/O and reads no clock: time is passed in,
// and messages leave through a function. So tests and the simulation replace the process by a map.
//
//   absent      no session of the spill process, or its catalogue has not begun
//   catalogue   the process tells its records; nothing is written or read
//   ready       writes and reads
//   full        reads only: the disk or the quota is full
//   read_only   reads only: the file system is
//   failed      neither writes nor reads
//   stalled     neither: there is unanswered work, and no answer came for kStalledAfter
//
// Where the process can neither read nor write, requests that wait for the disk alone fail at once; if it is absent, or
// tells its catalogue, only after kStalledAfter: it may be there again in a moment. All others wait until their own
// deadlines.
//
// Nothing here must survive the server. The rows know what is clean and what is spilled (shm/store/spill.h). When the
// process or the server has ended, all unanswered work is void, and is planned anew.
//
// What is planned, in this order, as long as work of less than max_in_flight() bytes, and kMaxWrites writes, is
// unanswered (but always one):
//   drops    at once
//   reads    of objects that gets wait for, in the order of ReadQueue
//   writes   of the dirty objects that stand in the way of a read or of a waiting create: those of the window that
//            eviction would choose; then ahead of need, in the order of their seals, until a share of the capacity can
//            be evicted without the disk (TierOptions::ahead), or as much as an evict(bytes) wants; all of them, while
//            drain() is on. When there is nothing else to do: those that were sealed TierOptions::write_after ago
//
// Writing ahead goes in steps (kAheadStep): the disk gets many small objects together, and not each one as the next is
// put. A turn is bounded (kMaxPerNotice); the next one follows at once.
//
// tier.cc: session and answers; tier_catalogue.cc: the catalogue; tier_plan.cc: what to do next; tier_writes.cc: which
// objects are written; tier_orders.cc: orders of operators, and a disk to forget; tier_report.cc: figures.
//
// Not thread-safe.

#include <deque>
#include <map>
#include <memory_resource>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <dolium/result.h>

#include "daemon/tier/disk_evictions.h"
#include "daemon/tier/read_queue.h"
#include "daemon/tier/tier_line.h"
#include "shm/store/engine.h"

namespace dolium::daemon {

class Tier final : public shm::ReadsBack, public shm::Writeback {
 public:
  /// Bytes of unanswered writes, and of reads: this share of the capacity, as 1/n, and at most so many.
  static constexpr std::uint64_t kInFlightShare = 8;
  static constexpr std::uint64_t kMostInFlight = std::uint64_t{256} << 20;
  /// Maximum number of unanswered writes: of the smallest objects, two chunks of the log.
  static constexpr std::size_t kMaxWrites = 65'536;
  /// Maximum number of objects of each kind in one notice: about a millisecond of the server's time.
  static constexpr std::size_t kMaxPerNotice = 1024;
  /// A step of writing ahead, as a share of TierOptions::ahead, 1/n.
  static constexpr std::uint64_t kAheadStep = 8;
  static constexpr shm::TimeNs kStalledAfter = 30'000'000'000;
  /// Pause before work that failed is tried again; and between two plans that found nothing to write, unless an answer
  /// comes before.
  static constexpr shm::TimeNs kRetryPause = 1'000'000'000;
  static constexpr shm::TimeNs kPlanPause = 100'000'000;
  /// Idle writes: pause between two batches, so that small objects are written together; and maximum bytes of a batch,
  /// as a share of max_in_flight(), 1/n, so that needed work does not wait for long.
  static constexpr shm::TimeNs kIdlePause = 1'000'000'000;
  static constexpr std::uint64_t kIdleShare = 4;
  /// Maximum number of pieces of a walk over all objects (Rows::for_sealed_piece()) in one turn: a millisecond.
  static constexpr int kPiecesPerTurn = 4;
  /// Maximum number of damaged objects that one verification remembers.
  static constexpr std::size_t kMaxDamaged = 65536;
  /// Maximum number of them in one reply.
  static constexpr std::size_t kDamagedPerReply = 4096;

  enum class State : std::uint8_t { absent, catalogue, ready, full, read_only, failed, stalled };

  Tier(shm::Engine& engine, const TierOptions& options, TierLine line);
  Tier(const Tier&) = delete;
  Tier& operator=(const Tier&) = delete;

  // ---- the session; errors of answers are misbehaviour ----

  [[nodiscard]] bool is_token(const protocol::TierToken& shown) const noexcept;
  [[nodiscard]] Result<protocol::TierHelloReplyT> hello(shm::ClientId client, std::uint64_t request,
                                                        const protocol::TierHelloRequest& hello);
  /// No reply yet: after the last records, all objects are compared, in pieces. TierLine::end_catalogue then sends it.
  [[nodiscard]] Result<std::optional<protocol::TierCatalogueReplyT>> catalogue(
      shm::ClientId client, std::uint64_t request, const protocol::TierCatalogueRequest& records,
      const shm::Moment& now);
  [[nodiscard]] Result<void> written(shm::ClientId client, const protocol::TierWriteDoneRequest& done, shm::TimeNs now);
  [[nodiscard]] Result<void> read(shm::ClientId client, const protocol::TierReadDoneRequest& done, shm::TimeNs now);
  [[nodiscard]] Result<void> told(shm::ClientId client, const protocol::TierStateRequest& state);
  /// This client's session has ended, and the store has detached it.
  void on_client_gone(shm::ClientId client);

  // ---- the server's turn ----

  /// Plans and sends what is due.
  void work(const shm::Moment& now);
  [[nodiscard]] shm::TimeNs next_deadline(shm::TimeNs now) const;
  /// Whether clients may be admitted: the records of the directory are rows.
  [[nodiscard]] bool has_catalogue() const noexcept;
  /// evict(bytes) requests that wait for writes.
  [[nodiscard]] DiskEvictions& evictions() noexcept { return evictions_; }
  /// From now on, everything dirty is written at once, or as needed again.
  void drain(bool everything) noexcept;

  // ---- ReadsBack, Writeback ----

  void want(shm::SlotIndex slot, shm::ClientId client) override;
  void want_first(shm::SlotIndex slot, shm::ClientId client) override;
  [[nodiscard]] Error why_not(const ObjectId& id, shm::TimeNs now) const override;
  [[nodiscard]] bool may_make_room(std::uint64_t bytes) const override;

  // ---- for operators ----

  /// Begins an order, or tells how far one is. tier_unavailable; already_exists while another one is carried out.
  [[nodiscard]] Result<protocol::SpillOrderReplyT> order(const protocol::SpillOrderRequest& request, shm::TimeNs now);
  /// The process's answer; an error is misbehaviour.
  [[nodiscard]] Result<void> carried_out(shm::ClientId client, const protocol::TierOrderDoneRequest& done);
  /// One piece: what is on disk counts as lost. With the last one, the directory is forgotten, unless its process is
  /// there: then the process empties it.
  [[nodiscard]] protocol::ForgetSpilledReplyT forget(const protocol::ForgetSpilledRequest& request, shm::TimeNs now);

  // ---- reports ----

  [[nodiscard]] SpillTierStats report(shm::TimeNs now) const;
  [[nodiscard]] State state() const noexcept;
  /// Whether objects are read back, and whether dirty ones are written: now, or as soon as the process is there.
  [[nodiscard]] bool can_read() const noexcept;
  [[nodiscard]] bool can_write() const noexcept;
  /// "ready", or why not; for the log.
  [[nodiscard]] std::string state_text() const;
  /// What a person can do about a state that is not ready.
  [[nodiscard]] std::string remedy() const;
  /// How the process described itself last; an empty one if it has not.
  [[nodiscard]] const protocol::TierStateRequestT& told() const noexcept { return told_; }
  [[nodiscard]] shm::ClientId client() const noexcept { return client_; }
  /// Number of objects that were written since this server began.
  [[nodiscard]] std::uint64_t written_count() const noexcept { return written_count_; }
  [[nodiscard]] std::size_t writing_count() const noexcept { return writes_.size(); }
  [[nodiscard]] std::size_t reading_count() const noexcept { return reads_.size(); }

 private:
  struct HashKey {
    std::size_t operator()(const ObjectKey& key) const noexcept { return std::hash<shm::TimeNs>()(key.sealed); }
  };
  struct Work {
    std::uint64_t bytes;
    shm::TimeNs since;
  };
  struct Write {
    ObjectId id;
    Work work;
  };
  struct Read {
    ReadQueue::Wanted wanted;
    Work work;
  };

  /// A walk over all objects that were sealed before it, in pieces: for a million of them it would keep all clients
  /// waiting.
  struct Walk {
    shm::TimeNs through;
    shm::SlotIndex next = 0;  // where the next piece begins
  };
  /// After the last record of the spill process: a walk over all objects that finds those without a record.
  struct Comparison {
    Walk walk;
    std::uint64_t request;  // of the last records
    protocol::TierCatalogueReplyT reply{};
  };

  /// What an operator has asked for. It ends with the session of the process.
  struct Order {
    std::uint64_t number;
    protocol::TierOrderKind kind;
    shm::TimeNs begun;
    bool sent = false;
    bool finished = false;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t damaged_count = 0;
    std::vector<ObjectId> damaged = {};  // the first kMaxDamaged
    std::string error = {};
  };

  [[nodiscard]] Result<void> check(shm::ClientId client) const;
  [[nodiscard]] bool take_write(const protocol::TierWritten& done, const ObjectId& id, shm::TimeNs now);
  void take_read(const Read& read, protocol::TierReadOutcome outcome, shm::TimeNs now);
  void requeue(const ObjectKey& object);
  [[nodiscard]] bool is_there(const ObjectKey& object) const noexcept;

  [[nodiscard]] Result<bool> take_record(const protocol::TierRecord& record, const shm::Moment& now);
  [[nodiscard]] Result<bool> adopt(const protocol::TierRecord& record, const shm::Moment& now);
  [[nodiscard]] bool compare_rows();
  [[nodiscard]] std::optional<protocol::TierCatalogueReplyT> go_on_comparing(shm::TimeNs now);
  void distrust_records();
  void go_on_distrusting();

  [[nodiscard]] bool is_clean_in_memory(shm::SlotIndex slot) const;
  void forget_record(shm::SlotIndex slot);
  [[nodiscard]] Result<void> check_directory(const protocol::TierHelloRequest& hello) const;
  [[nodiscard]] Result<protocol::SpillOrderReplyT> progress_of(const protocol::SpillOrderRequest& request,
                                                               shm::TimeNs now) const;

  [[nodiscard]] std::uint64_t max_in_flight() const noexcept;
  void add_order(protocol::TierWorkNoticeT& work);
  void add_drops(protocol::TierWorkNoticeT& work);
  void add_reads(protocol::TierWorkNoticeT& work, shm::TimeNs now);
  [[nodiscard]] ReadQueue::Outcome begin_read(protocol::TierWorkNoticeT& work, const ReadQueue::Wanted& wanted,
                                              shm::TimeNs now);
  void add_writes(protocol::TierWorkNoticeT& work, const shm::Moment& now);
  void add_window(protocol::TierWorkNoticeT& work, std::uint64_t size, const shm::Moment& now);
  void add_oldest(protocol::TierWorkNoticeT& work, const shm::Moment& now);
  void add_idle(protocol::TierWorkNoticeT& work, const shm::Moment& now);
  [[nodiscard]] bool is_busy(const protocol::TierWorkNoticeT& work) const noexcept;
  void serve_evictions(shm::TimeNs now);
  [[nodiscard]] bool has_written_enough() const noexcept;
  [[nodiscard]] bool may_write_more(std::size_t planned) const noexcept;
  [[nodiscard]] std::uint64_t needed_bytes() const noexcept;
  void begin_write(protocol::TierWorkNoticeT& work, shm::SlotIndex slot, const shm::Moment& now);
  [[nodiscard]] bool has_enough_clean() const noexcept;
  [[nodiscard]] std::uint64_t unsealed_and_awaited() const noexcept;
  void note_asked(const Work& work) { ++asked_[work.since]; }
  void note_answered(const Work& work);
  [[nodiscard]] shm::TimeNs stalls_at() const noexcept;
  void note_state(shm::TimeNs now);
  void tell_store();
  void plan(const shm::Moment& now);
  void heard_of_disk(shm::TimeNs now) noexcept;

  shm::Engine& engine_;
  shm::Store& store_;
  const TierOptions options_;
  const TierLine line_;

  shm::ClientId client_ = 0;  // the session; 0: none
  std::uint64_t request_ = 0;
  bool catalogued_ = false;  // the session has told all its records
  bool rows_are_truth_ = false;
  std::vector<bool> seen_;  // by slot: the catalogue has its record
  std::optional<Comparison> comparison_;
  protocol::TierStateRequestT told_;

  std::pmr::unsynchronized_pool_resource nodes_;               // of writes_
  std::pmr::unordered_map<ObjectKey, Write, HashKey> writes_;  // unanswered
  std::map<std::uint64_t, Read> reads_;                        // unanswered, by their number
  std::map<shm::TimeNs, std::size_t> asked_;  // number of both, by the time at which they were asked for
  std::uint64_t last_number_ = 0;
  std::uint64_t written_count_ = 0;
  std::uint64_t writing_bytes_ = 0;
  std::uint64_t reading_bytes_ = 0;
  ReadQueue wanted_;
  std::uint64_t stuck_bytes_ = 0;                  // the size of a read for which there is no room; 0: none
  std::optional<Error> no_room_;                   // why
  std::deque<shm::DroppedRecords::Record> drops_;  // to be sent
  std::uint64_t useless_from_ = 0;  // writing makes no room for so many bytes or more, as it was at the time below
  shm::TimeNs useless_at_ = 0;
  bool catching_up_ = false;            // in a step of writing ahead
  shm::TimeNs next_write_ = 0;          // one has failed, or there was none
  shm::TimeNs next_plan_ = 0;           // of a window: nothing was found
  shm::TimeNs next_read_ = 0;           // there was no room for one
  shm::TimeNs next_idle_ = 0;           // the earliest time of the next idle writes
  shm::TimeNs idle_due_ = shm::kNever;  // when an object is due for them, as of the last turn
  bool drains_ = false;
  bool made_clean_ = false;  // since serve_evictions()
  DiskEvictions evictions_;
  shm::TimeNs now_ = 0;    // of the last turn
  shm::TimeNs heard_ = 0;  // when the last answer came
  bool stalled_ = false;
  std::optional<State> told_store_;       // the store knows why nothing is written in this state
  shm::TimeNs down_since_ = shm::kNever;  // absent, or telling its catalogue; kNever: neither
  bool down_for_long_ = false;
  bool distrusted_ = false;          // the directory is gone, and no object counts as clean for now
  std::optional<Walk> distrusting_;  // the walk that makes them dirty
  std::optional<Order> order_;
};

}  // namespace dolium::daemon
