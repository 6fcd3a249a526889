#pragma once
// Damages: the records that could not be read back, for the log and for counters.
//
// One thread.

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "daemon/spill/format.h"

namespace dolium::spill {

struct Damage {
  ObjectId id;
  FileNumber file = 0;
  int error = 0;  ///< EBADMSG: wrong checksum, twice; else the disk's errno
};

class Damages {
 public:
  /// Maximum number of records that are remembered between two looks. The counters count all.
  static constexpr std::size_t kKept = 64;

  void note(const ObjectId& id, FileNumber file, int error) {
    ++(error == EBADMSG ? damaged_ : unreadable_);
    if (latest_.size() < kKept) latest_.push_back({id, file, error});
  }
  /// Those since the last call.
  [[nodiscard]] std::vector<Damage> take() { return std::exchange(latest_, {}); }
  [[nodiscard]] std::uint64_t damaged() const noexcept { return damaged_; }
  [[nodiscard]] std::uint64_t unreadable() const noexcept { return unreadable_; }

 private:
  std::uint64_t damaged_ = 0;
  std::uint64_t unreadable_ = 0;
  std::vector<Damage> latest_;
};

}  // namespace dolium::spill
