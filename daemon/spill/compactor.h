#pragma once
// Compactor: copies what is still needed of a segment to the log's head, so that the segment can be unlinked. One
// segment at a time, a few MiB at a time.
//
// A record keeps its number. While a copy is under way, the record has two places, so a record that is dropped then
// needs two tombstones: see drop_during_move().
//
// One thread.

#include <unordered_map>

#include "daemon/spill/catalogue.h"
#include "daemon/spill/damages.h"
#include "daemon/spill/removals.h"

namespace dolium::spill {

class Compactor {
 public:
  /// Bytes that are read at a time.
  static constexpr std::uint64_t kWindowBytes = std::uint64_t{4} << 20;
  /// Of small closed segments, as each restart leaves one, these many are left alone.
  static constexpr int kMaxSmall = 8;

  enum class Urgency : std::uint8_t {
    idle,     ///< segments of which less than a half is needed
    pressed,  ///< the tier is nearly full: less than 7/8
    ordered,  ///< an operator asked: less than 19/20
  };

  Compactor(const Log::Parts& parts, Log& log, Removals& removals, Catalogue& catalogue, Damages& damages)
      : parts_(parts), log_(log), removals_(removals), catalogue_(catalogue), damages_(damages) {}
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  /// Chooses a segment up to `last`, if none is being compacted. False: none is worth it, or there is no room for its
  /// copies.
  bool choose(Urgency urgency, FileNumber last);
  /// Whether the log's head should end, so that it can be compacted.
  [[nodiscard]] bool gains_from_head(Urgency urgency);
  void pump();
  [[nodiscard]] bool is_busy() const noexcept { return victim_ != 0; }

  /// If a copy of this record is under way: keeps `removal` until that copy has its tombstone.
  void drop_during_move(Sequence sequence, const RemovalPtr& removal);
  [[nodiscard]] std::uint64_t moved_bytes() const noexcept { return moved_bytes_; }
  /// Records that could not be read back.
  [[nodiscard]] std::uint64_t damaged() const noexcept { return damaged_; }

 private:
  struct Window {
    std::uint64_t begin = 0;
    std::size_t first = 0;  // in heads_
    std::size_t last = 0;
    BufferPtr buffer{};
  };
  [[nodiscard]] bool is_candidate(TierFile& file, std::uint64_t bytes, Urgency urgency) const;
  [[nodiscard]] bool fits(TierFile& file) const;
  [[nodiscard]] TierFile* spare_small_ones() const;
  void begin(TierFile& file);
  void copy_removals(TierFile& file);
  [[nodiscard]] bool is_needed(const RecordHead& head) const;
  void read_window();
  void on_window(const Window& window, int error);
  void move(const RecordHead& head, std::span<const std::byte> payload, const BufferPtr& buffer);
  void on_moved(const Appended& moved);
  void bury_copy(const Appended& moved, std::vector<RemovalPtr> waiting);
  void finish_if_done();
  [[nodiscard]] std::function<void(const Appended&)> on_copied();

  Log::Parts parts_;
  Log& log_;
  Removals& removals_;
  Catalogue& catalogue_;
  Damages& damages_;

  FileNumber victim_ = 0;
  FilePtr file_;
  std::vector<RecordHead> heads_;  // of objects, by their place
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  bool reading_ = false;
  bool failed_ = false;     // a copy was refused: again later
  bool unmovable_ = false;  // a record could not be read
  shm::TimeNs next_choice_ = 0;
  std::uint64_t room_ = 0;                                       // for copies, in a segment of their own
  std::unordered_map<Sequence, std::vector<RemovalPtr>> moves_;  // under way, and who waits for the copy's tombstone
  std::uint64_t moved_bytes_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace dolium::spill
