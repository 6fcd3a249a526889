#pragma once
// Space: makes and removes the tier's files within the quota, and knows whether the disk takes more.
//
// The quota counts blocks on the disk, of all files. One empty segment is kept as a spare, for compaction and
// tombstones only: so a full disk can still be compacted. A segment is shorter than others when there is no room for a
// whole one. So is the spare: half of the room, but as long as the longest segment if there is room for that.
//
//   ready      files can be made
//   full       a file for objects did not fit. It ends when there is room for what was refused, or for a segment: the
//              files of the tier have become less, the file system has grown, or others have removed theirs
//   read_only, failing   another refusal. It ends when a segment can be made: tried again after a pause
//
// The pauses become longer when the room that was seen is refused again.
//
// A file's name is safe (the directory is synced) before the file is used.
//
// No clock: the time is passed in. One thread.

#include <string>
#include <vector>

#include "daemon/spill/file_layer.h"
#include "daemon/spill/file_table.h"
#include "shm/os/basic_types.h"

namespace dolium::spill {

/// Sizes of files, fixed but for tests.
struct Geometry {
  std::uint64_t segment_bytes = std::uint64_t{256} << 20;
  std::uint64_t own_file_bytes = std::uint64_t{16} << 20;  ///< objects of this size and more have files of their own
  std::uint64_t chunk_bytes = std::uint64_t{8} << 20;      ///< small objects are fused up to this
};

enum class Condition : std::uint8_t {
  ready,
  full,       ///< ENOSPC, EDQUOT, or the quota
  read_only,  ///< EROFS
  failing,    ///< any other error
  gone,       ///< the directory is not where it was
};
[[nodiscard]] Condition condition_of(int error) noexcept;

class Space {
 public:
  static constexpr shm::TimeNs kPause = 1'000'000'000;
  static constexpr shm::TimeNs kLongestPause = 64 * kPause;
  /// A segment for objects has at least this share of a whole one, as 1/n.
  static constexpr std::uint64_t kLeastShare = 8;
  /// The smallest segment for tombstones and compaction.
  static constexpr std::uint64_t kLeastUpkeep = 8 * kBlockBytes;
  /// This share of a file system's free blocks is left for its own use, as 1/n.
  static constexpr std::uint64_t kSlackShare = 64;

  enum class Purpose : std::uint8_t {
    objects,
    upkeep,  ///< may take the spare
  };

  Space(FileLayer& layer, FileTable& table, const Geometry& geometry, std::uint64_t capacity)
      : layer_(layer), table_(table), geometry_(geometry), capacity_(capacity) {}
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  void set_time(shm::TimeNs now) noexcept { now_ = now; }
  [[nodiscard]] shm::TimeNs now() const noexcept { return now_; }

  /// A new segment, empty and preallocated: `allocated` is its size. The error has an errno.
  [[nodiscard]] Result<TierFile*> make_segment(Purpose purpose);
  /// A new file for an object with this many bytes in all. The handle is open.
  [[nodiscard]] Result<TierFile*> make_object_file(std::uint64_t bytes);
  /// Makes the spare, or a longer one, if there is room.
  void ensure_spare();
  [[nodiscard]] bool has_spare() const noexcept { return spare_ != 0; }
  /// Bytes of the next segment for upkeep.
  [[nodiscard]] std::uint64_t upkeep_room() const;
  /// The smallest segment for objects: it holds any object that has no file of its own.
  [[nodiscard]] std::uint64_t least_segment() const noexcept;
  /// After a refusal: looks whether there is room again. `head_has_room`: the log takes objects without a new file.
  void probe(bool head_has_room);

  /// Unlinks the files that are leaving, own files first, or only those that never had a record, and syncs the
  /// directory. They are erased when that has succeeded; otherwise they stay, and the next call tries again, after the
  /// pause.
  void remove_leaving(bool blank_only);
  /// Another process has removed this file. False: it was not prepared for later, or has been used.
  bool forget_prepared(FileNumber number);
  /// Reads again how many blocks a file has.
  void measure(TierFile& file);

  /// A write or a sync has failed with this errno.
  void note_failure(int error, const std::string& doing);
  /// What note_failure() told is over.
  void recover() noexcept { condition_ = Condition::ready; }
  [[nodiscard]] Condition condition() const noexcept { return condition_; }
  /// Why it is not ready.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  /// Whether objects are taken, or at least tried, now.
  [[nodiscard]] bool may_try() const noexcept { return condition_ == Condition::ready || now_ >= retry_at_; }

  [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

 private:
  /// Bytes of a file, and the fewest that are of use.
  struct Wanted {
    std::uint64_t bytes = 0;
    std::uint64_t least = 0;
    std::uint64_t reserve = 0;  // to be left
  };
  [[nodiscard]] Result<TierFile*> make(bool is_segment, const Wanted& wanted);
  [[nodiscard]] Result<FilePtr> make_named(const std::string& name, std::uint64_t bytes);
  template <class Leaves>
  bool remove_all(Leaves leaves);
  void be_stuck(const Error& error, const std::vector<FileNumber>& files);
  [[nodiscard]] Result<TierFile*> refuse(Error error, std::uint64_t least);
  [[nodiscard]] Error no_room(const Wanted& wanted) const;
  [[nodiscard]] std::uint64_t room() const;
  [[nodiscard]] std::uint64_t reserve() const noexcept { return spare_ != 0 ? 0 : least_segment(); }
  [[nodiscard]] std::uint64_t spare_size(std::uint64_t room) const;
  [[nodiscard]] TierFile* take(FileNumber& prepared);

  FileLayer& layer_;
  FileTable& table_;
  const Geometry geometry_;
  const std::uint64_t capacity_;
  FileNumber spare_ = 0;  // both are in the table, empty; 0: there is none
  FileNumber next_ = 0;
  shm::TimeNs now_ = 0;
  shm::TimeNs retry_at_ = 0;
  shm::TimeNs remove_at_ = 0;
  shm::TimeNs spare_at_ = 0;  // the next attempt to make a spare
  Condition condition_ = Condition::ready;
  int last_error_ = 0;
  std::uint64_t refused_ = UINT64_MAX;  // while full: the smallest file that was refused
  bool hoped_ = false;                  // room was seen after a refusal, and no file has been made since
  shm::TimeNs pause_ = kPause;          // after the next refusal
  std::string reason_;
};

}  // namespace dolium::spill
