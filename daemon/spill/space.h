#pragma once
// Space: makes and removes the tier's files within the quota, and knows whether the disk takes more.
//
// The quota counts blocks on the disk, of all files. One empty segment is kept as a spare, for compaction and
// tombstones only: so a full disk can still be compacted. After a refusal the next attempt is made a second later at
// the earliest, or when a file has been removed.
//
// A file's name is safe (the directory is synced) before the file is used.
//
// No clock: the time is passed in. One thread.

#include <string>

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
};
[[nodiscard]] Condition condition_of(int error) noexcept;

class Space {
 public:
  static constexpr shm::TimeNs kPause = 1'000'000'000;

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

  /// A new segment, empty and preallocated. The error has an errno.
  [[nodiscard]] Result<TierFile*> make_segment(Purpose purpose);
  /// A new file for an object with this many bytes in all. The handle is open.
  [[nodiscard]] Result<TierFile*> make_object_file(std::uint64_t bytes);
  /// Makes the spare, if there is none and there is room.
  void ensure_spare();
  [[nodiscard]] bool has_spare() const noexcept { return spare_ != 0; }
  /// After a refusal: looks whether there is room again, by making the next segment.
  void probe();

  /// Unlinks the files that are leaving, and syncs the directory. They are erased when that has succeeded; otherwise
  /// they stay, and the next call tries again, after the pause.
  void remove_leaving();
  /// Reads again how many blocks a file has.
  void measure(TierFile& file);

  /// A write or a sync has failed with this errno.
  void note_failure(int error, const std::string& doing);
  [[nodiscard]] Condition condition() const noexcept { return condition_; }
  /// Why it is not ready.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  /// Whether objects are taken, or at least tried, now.
  [[nodiscard]] bool may_try() const noexcept { return condition_ == Condition::ready || now_ >= retry_at_; }
  /// The errno of the last refusal.
  [[nodiscard]] int last_error() const noexcept { return last_error_; }

  [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

 private:
  [[nodiscard]] Result<TierFile*> make(bool is_segment, std::uint64_t bytes, std::uint64_t reserve);
  [[nodiscard]] Result<FilePtr> make_named(const std::string& name, std::uint64_t bytes);
  [[nodiscard]] TierFile* take(FileNumber& prepared);
  void recovered() noexcept { condition_ = Condition::ready; }

  FileLayer& layer_;
  FileTable& table_;
  const Geometry geometry_;
  const std::uint64_t capacity_;
  FileNumber spare_ = 0;  // both are in the table, empty; 0: there is none
  FileNumber next_ = 0;
  shm::TimeNs now_ = 0;
  shm::TimeNs retry_at_ = 0;
  shm::TimeNs remove_at_ = 0;
  Condition condition_ = Condition::ready;
  int last_error_ = 0;
  std::string reason_;
};

}  // namespace dolium::spill
