#pragma once
// Engine: the spill tier's disk. It writes objects, reads them back, and forgets them; it survives crashes at any
// moment (README.md). A facade over its parts:
//
//   Home         whose directory this is            home.h
//   FileTable    the files                          file_table.h
//   Space        quota, making and removing files   space.h
//   Log          small objects, tombstones          log.h
//   ObjectFiles  large objects                      object_files.h
//   Removals     dead records stay dead             removals.h
//   Compactor    frees half-empty segments          compactor.h
//   Reader       reading back                       reader.h
//   Verifier     reads everything                   verifier.h
//   Damages      what could not be read             damages.h
//
// It knows no store, no clock and no thread: step() does all work. Callbacks run in step() only.

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "daemon/spill/compactor.h"
#include "daemon/spill/file_list.h"
#include "daemon/spill/home.h"
#include "daemon/spill/object_files.h"
#include "daemon/spill/reader.h"
#include "daemon/spill/recovery.h"
#include "daemon/spill/slab.h"
#include "daemon/spill/verifier.h"

namespace dolium::spill {

struct EngineOptions {
  std::uint64_t capacity = 0;  ///< quota, in bytes of allocated blocks
  Geometry geometry;
};

struct EngineReport {
  Condition condition = Condition::ready;
  std::string reason;  ///< why not ready
  std::uint64_t capacity = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t files = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t compacted_bytes = 0;
  std::uint64_t write_errors = 0;
  std::uint64_t read_errors = 0;
  std::uint64_t last_sync_ns = 0;  ///< duration of the last sync of a segment, as step() saw it
  std::uint64_t damaged = 0;       ///< records with a wrong checksum, twice
  std::uint64_t unreadable = 0;    ///< reads that the disk refused
  std::uint64_t lost_records = 0;  ///< in files that others have removed or cut

  friend bool operator==(const EngineReport&, const EngineReport&) = default;
};

class Engine {
 public:
  /// Time between two searches for a segment to compact.
  static constexpr shm::TimeNs kUpkeepPause = 100'000'000;
  /// Time between two looks whether the directory is still where it was, and whether so many of its files are there.
  static constexpr shm::TimeNs kLookPause = 1'000'000'000;
  static constexpr std::size_t kFilesPerLook = 256;
  /// 0, and the record's location; or an errno, and the object is not on the disk. ECANCELED: it was cleared meanwhile.
  using Written = std::function<void(int error, Sequence location)>;
  /// 0; EBADMSG: damaged; ENOENT: no such record; else the disk's errno.
  using ReadBack = std::function<void(int error)>;
  /// The record can not come back any more.
  using Dropped = std::function<void()>;

  /// Opens or makes the directory, and reads what is there. The layer outlives the engine.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> open(FileLayer& layer, const EngineOptions& options,
                                                            const Machine& machine);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  /// Work that is under way is forgotten; no callback runs. What was told stays true.
  ~Engine();

  /// What was found; empties it. Each object is in the catalogue until it is dropped.
  [[nodiscard]] Recovered take_recovered() { return std::move(recovered_); }
  [[nodiscard]] const Superblock& superblock() const noexcept { return home_.superblock(); }
  /// The store with this incarnation now has the catalogue: later writes are its own. Before the first write.
  [[nodiscard]] Result<void> adopt(const Incarnation& incarnation);

  /// Of the head: id, sizes, type, times and stamp. The bytes stay until the callback. Callbacks come in log order, but
  /// for large objects.
  void write(const RecordHead& head, std::span<const std::byte> payload, Written written);
  /// `into` is as long as the record, and stays until the callback.
  void read(Sequence location, std::span<std::byte> into, ReadBack read);
  /// Without effect for a location that is not known.
  void drop(Sequence location, Dropped dropped = {});
  /// Drops every record of other stores, and those of this one up to and including a stamp.
  void clear(std::uint64_t stamp, Dropped dropped = {});
  [[nodiscard]] const Entry* find(Sequence location) const;
  /// Drops every record, at once and for good, and removes the files, unless the directory is not there any more.
  /// Returns the bytes that this frees on the disk.
  /// This engine must then be closed. An error: nothing was dropped.
  [[nodiscard]] Result<std::uint64_t> forget();
  /// What happened to records and files since the last call, for the log.
  [[nodiscard]] std::vector<std::string> take_errors();

  void verify() { verifier_.start(catalogue_); }
  [[nodiscard]] bool is_verifying() const noexcept { return verifier_.is_running(); }
  /// Progress since the start; damaged records since the last call, at most so many. Finished: there are no more.
  [[nodiscard]] Verified take_verified(std::size_t most) { return verifier_.take_progress(most); }
  /// Each segment of this moment at most once.
  void compact();
  /// Whether compact() has nothing left to do.
  [[nodiscard]] bool is_compacted() const noexcept { return !compacting_ && !compactor_.is_busy(); }

  /// Does what can be done now. `wait`: first waits for the disk, if anything is under way there. `now`: monotonic.
  /// Returns whether anything happened on the disk.
  bool step(shm::TimeNs now, bool wait);
  /// Whether nothing was asked for that is not done.
  [[nodiscard]] bool is_idle() const noexcept;
  /// Ends the log's head with its footer, so that the next start need not scan it. step() until is_idle().
  /// Compacts no more: that would begin another head.
  void finish() {
    finishing_ = true;
    log_.end_head();
  }

  /// Once it is idle after finish(): writes down which files there are, so that the next opening misses none.
  void leave_list() { static_cast<void>(write_file_list(layer_, home_.superblock(), table_)); }

  [[nodiscard]] Condition condition() const noexcept { return gone_ ? Condition::gone : space_.condition(); }
  /// Whether records were lost, and the store must be told with another catalogue.
  [[nodiscard]] bool needs_new_session() const;
  [[nodiscard]] EngineReport report() const;

 private:
  Engine(FileLayer& layer, const EngineOptions& options, Home home);
  void begin();
  void on_written(const Appended& appended, const Written& written);
  void tell_held();
  void give_up(const Appended& appended, int error, const Written& written);
  void bury_stuck();
  void bury_ghosts(const Tombstone& tombstone, const RemovalPtr& removal);
  [[nodiscard]] RemovalPtr removal(Dropped dropped) const;
  void drop_entry(Sequence location, const Entry& entry, const RemovalPtr& removal);
  [[nodiscard]] bool is_cleared(const RecordHead& head) const;
  void start_writing();
  void note_unsaved();
  [[nodiscard]] int why_no_write() const noexcept;
  void maintain();
  void upkeep();
  void compact_if_worth();
  void look_at_directory();
  void look_at_superblock();
  void look_at(TierFile& file);
  void lose(TierFile& file);

  FileLayer& layer_;
  Home home_;
  Incarnation incarnation_{};
  FileTable table_;
  Catalogue catalogue_;
  IoQueue io_;
  Space space_;
  Log log_;
  ObjectFiles objects_;
  Removals removals_;
  Damages damages_;
  Reader reader_;
  Compactor compactor_;
  Verifier verifier_;

  Recovered recovered_;
  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);
  struct Held {
    RecordHead head;
    FileNumber file = 0;
    Written written;
  };
  Slab<Written> writes_under_way_;
  std::deque<Held> held_;  // answers that wait for tombstones before them
  bool writes_ = false;    // start_writing() was called
  bool settled_ = false;   // the tombstones that recovery missed are durable: files may go
  bool compacting_ = false;
  bool finishing_ = false;
  bool gone_ = false;  // the directory is not where it was
  std::string why_gone_;
  FileNumber looked_through_ = 0;  // by look_at_directory()
  std::uint64_t lost_records_ = 0;
  bool has_lost_ = false;            // since this engine was opened
  std::vector<std::string> errors_;  // for the log
  FileNumber compact_through_ = 0;
  Sequence next_sequence_;
  ClearMark clear_;  // the latest, durable or not
  shm::TimeNs now_ = 0;
  shm::TimeNs upkeep_at_ = 0;
  shm::TimeNs look_at_ = 0;
  shm::TimeNs retry_at_ = 0;
};

}  // namespace dolium::spill
