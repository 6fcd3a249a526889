#pragma once
// Home: the directory's superblock. It says whose directory this is, and refuses one that is not ours to use.
//
// It is written anew with each change: a new file, synced, renamed over the old one, the directory synced. One thread.

#include "daemon/spill/file_layer.h"
#include "daemon/spill/format.h"

namespace dolium::spill {

class Home {
 public:
  /// Reads the superblock, or makes one in an empty directory. Refuses in words: a directory with other files, of
  /// another machine, of another format, or with a damaged superblock. On a file system that is read-only or full, the
  /// directory can be read.
  [[nodiscard]] static Result<Home> open(FileLayer& layer, const Machine& machine);

  [[nodiscard]] const Superblock& superblock() const noexcept { return block_; }
  /// Whether the superblock of this opening is on the disk. If not, no record may be written: its number could come
  /// again. See settle().
  [[nodiscard]] bool is_saved() const noexcept { return why_not_.error_number == 0; }
  /// Why it is not.
  [[nodiscard]] const Error& why_not() const noexcept { return why_not_; }
  /// Tries again to write it.
  void settle(FileLayer& layer);
  /// The first record's number of this opening: no number of an earlier one comes again, whatever was lost.
  [[nodiscard]] Sequence first_sequence() const noexcept { return Sequence{block_.opens} << kSequenceBits; }
  /// The store with this incarnation has the directory's catalogue.
  [[nodiscard]] Result<void> adopt(FileLayer& layer, const Incarnation& incarnation);
  /// Makes every file of the directory unreadable, at once: each carries the superblock's secret, which changes.
  [[nodiscard]] Result<void> change_secret(FileLayer& layer);

 private:
  static constexpr int kSequenceBits = 40;
  [[nodiscard]] static Result<Home> make(FileLayer& layer);
  [[nodiscard]] static Result<Home> read(FileLayer& layer);
  [[nodiscard]] Result<void> claim(FileLayer& layer, const Machine& machine);
  [[nodiscard]] Result<void> save(FileLayer& layer);

  Superblock block_;
  Error why_not_{Errc::system_error, {}};
};

}  // namespace dolium::spill
