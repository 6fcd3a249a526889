#pragma once
// FileTable: the tier's files, and how much of each is still needed.
//
// Invariant on which "nothing removed comes back" rests: every dead record in a file that exists has a tombstone that
// names the file, or the clear record covers it, or the file is about to be unlinked whole. So a tombstone may go when
// the file that it names is unlinked and the directory synced: only then is the file erased here.
//
// One thread.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/spill/file_layer.h"
#include "daemon/spill/format.h"

namespace dolium::spill {

/// Kills the records of this id in the file `names`, up to this number. Stamp and incarnation are the record's own.
struct Tombstone {
  ObjectId id;
  FileNumber names = 0;
  Sequence sequence = 0;
  std::uint64_t stamp = 0;
  Incarnation incarnation{};
};

/// Bytes of a record in a segment, beside its payload's.
inline constexpr std::uint64_t kHeadCost = sizeof(RecordHead) + kPayloadAlignment;

struct TierFile {
  enum class State : std::uint8_t {
    writing,  ///< the log's head, or a file that is being written
    closed,
    leaving,  ///< unlinked, or to be unlinked; it still counts until the directory is synced
  };

  FileNumber number = 0;
  bool is_segment = true;
  State state = State::writing;
  bool poisoned = false;   ///< a sync failed: evacuated as soon as possible
  bool unread = false;     ///< some of its blocks could not be read: it may hold records that are not known
  bool unmovable = false;  ///< a record could not be read back: not compacted
  bool stuck = false;      ///< it could not be removed so far
  /// Compaction has begun to move its records: those that have moved are dead here. Or recovery undoes a compaction
  /// that wrote to it, and its end is not cut off yet.
  bool evacuated = false;
  bool blank = false;  ///< leaving, and has no whole record but copies that recovery does not count
  /// Of an own file: its object was dropped, and no tombstone says so, because the file goes. If it cannot be removed,
  /// it gets that tombstone.
  std::optional<Tombstone> epitaph{};
  bool unburied = false;    ///< that tombstone is not durable yet
  bool nameless = false;    ///< another process has removed its name: what is needed is copied from the open file
  bool has_copies = false;  ///< compaction has written to it
  /// What was ever put into it, counted as needed_bytes(). With copies, it is as dense as it can be, so it is compacted
  /// again only when much less is needed.
  std::uint64_t put_bytes = 0;
  FilePtr handle{};  ///< of segments; others are opened for each use
  std::uint64_t allocated = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t live_records = 0;
  std::vector<Tombstone> tombstones{};  ///< that stand in it

  void add_tombstone(const Tombstone& tombstone) {
    tombstones.push_back(tombstone);
    put_bytes += kHeadCost;
  }
  [[nodiscard]] std::string name() const { return is_segment ? segment_name(number) : object_name(number); }
};

/// The latest clear record; it covers earlier ones. Of the records before it, it kills those of other stores, and those
/// of its own store up to a stamp.
struct ClearMark {
  Sequence sequence = 0;  ///< 0: none
  std::uint64_t stamp = 0;
  Incarnation incarnation{};
  FileNumber through = 0;  ///< the records that it kills are in files up to this
  FileNumber home = 0;     ///< the segment that holds it

  [[nodiscard]] bool kills(Sequence record, std::uint64_t record_stamp, const Incarnation& store) const noexcept {
    return record < sequence && (store != incarnation || record_stamp <= stamp);
  }
};

class FileTable {
 public:
  TierFile& add(TierFile file) {
    const FileNumber number = file.number;
    last_number_ = std::max(last_number_, number);
    return files_.insert_or_assign(number, std::move(file)).first->second;
  }
  [[nodiscard]] TierFile* find(FileNumber number) {
    const auto found = files_.find(number);
    return found == files_.end() ? nullptr : &found->second;
  }
  void erase(FileNumber number) {
    files_.erase(number);
    ghosts_known_ = false;
  }
  [[nodiscard]] std::map<FileNumber, TierFile>& all() noexcept { return files_; }
  [[nodiscard]] const std::map<FileNumber, TierFile>& all() const noexcept { return files_; }

  /// A number that no file and no tombstone has had.
  [[nodiscard]] FileNumber next_number() noexcept { return ++last_number_; }
  [[nodiscard]] FileNumber last_number() const noexcept { return last_number_; }
  void avoid(FileNumber number) noexcept { last_number_ = std::max(last_number_, number); }

  [[nodiscard]] const ClearMark& clear() const noexcept { return clear_; }
  void set_clear(const ClearMark& clear) noexcept { clear_ = clear; }

  [[nodiscard]] std::uint64_t allocated() const {
    std::uint64_t sum = 0;
    for (const auto& [number, file] : files_) sum += file.allocated;
    return sum;
  }
  void add_live(FileNumber number, std::uint64_t bytes);
  void drop_live(FileNumber number, std::uint64_t bytes);

  /// The file is to be removed.
  void leave(TierFile& file) noexcept {
    file.state = TierFile::State::leaving;
    ghosts_known_ = false;
  }
  void mark_unread(TierFile& file) noexcept {
    file.unread = true;
    ghosts_known_ = false;
  }
  void mark_stuck(TierFile& file) noexcept {
    file.stuck = true;
    ghosts_known_ = false;
  }
  void mark_evacuated(TierFile& file, bool evacuated = true) noexcept {
    file.evacuated = evacuated;
    ghosts_known_ = false;
  }
  /// Whether the file may hold dead records without a tombstone of their own: it could not be read, or its compaction
  /// has begun and it is not removed for good.
  [[nodiscard]] static bool is_ghost(const TierFile& file) noexcept {
    return file.unread || file.stuck || file.evacuated || (file.is_segment && file.state == TierFile::State::leaving);
  }
  [[nodiscard]] bool has_ghosts();
  /// Whether the tombstone still kills a record. The clear record does it only in files up to ClearMark::through: it
  /// goes when those have gone. A copy that was under way at the clear can stand in a later one.
  [[nodiscard]] bool is_needed(const Tombstone& tombstone) const {
    return files_.contains(tombstone.names) &&
           !(tombstone.names <= clear_.through &&
             clear_.kills(tombstone.sequence, tombstone.stamp, tombstone.incarnation));
  }
  /// The file's tombstones that are needed, but for those that name the file itself: they go with it. Forgets the
  /// others.
  [[nodiscard]] const std::vector<Tombstone>& needed_tombstones(TierFile& file) const;
  /// Whether nothing in the file is needed any more.
  [[nodiscard]] bool is_dead(TierFile& file) const {
    return file.state == TierFile::State::closed && !file.unread && file.live_records == 0 &&
           needed_tombstones(file).empty() && !(clear_.home == file.number && needs_clear_besides(file.number));
  }
  /// Whether a record that the clear record kills may exist in another file than this.
  [[nodiscard]] bool needs_clear_besides(FileNumber number) const;

 private:
  std::map<FileNumber, TierFile> files_;
  FileNumber last_number_ = 0;
  ClearMark clear_;
  bool ghosts_known_ = false;
  bool has_ghosts_ = false;
};

}  // namespace dolium::spill
