#pragma once
// CheckOutput: the standard error of the process that checks whether a new server could start, kept in memory for the
// log and for the client that asked. Without memory or descriptors for it, the output goes to the keeper's standard
// error.
//
// A resource. Belongs to the keeper.

#include <string>
#include <vector>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {

class CheckOutput {
 public:
  /// Maximum number of bytes that lines() returns.
  static constexpr std::size_t kMost = 3072;

  /// Call it before the process is started.
  void clear();
  /// Call it in that process.
  void become_standard_error() const;
  /// The lines, without the program's name at their beginning.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  shm::UniqueFd file_;
};

}  // namespace dolium::daemon
