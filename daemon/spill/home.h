#pragma once
// Home: the directory's superblock. It says whose directory this is, and refuses one that is not ours to use.
//
// It is written anew with each change: a new file, synced, renamed over the old one, the directory synced. One thread.

#include <string>

#include "daemon/spill/file_layer.h"
#include "daemon/spill/format.h"

namespace dolium::spill {

/// The machine that opens the directory.
struct Machine {
  std::string id;       ///< /etc/machine-id; empty: unknown, and not compared
  std::string host;     ///< for people
  bool adopts = false;  ///< takes over a directory of another machine
};

class Home {
 public:
  /// Reads the superblock, or makes one in an empty directory. Refuses in words: a directory with other files, of
  /// another machine, of another format, or with a damaged superblock. On a file system that is read-only the directory
  /// can be read.
  [[nodiscard]] static Result<Home> open(FileLayer& layer, const Machine& machine);

  [[nodiscard]] const Superblock& superblock() const noexcept { return block_; }
  [[nodiscard]] bool read_only() const noexcept { return read_only_; }
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
  bool read_only_ = false;
};

}  // namespace dolium::spill
