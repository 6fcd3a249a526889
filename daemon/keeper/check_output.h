#pragma once
// What the process says that looks whether another server could go on: kept in memory, for the log and for whoever
// asked. A resource, of the keeper. Without memory or descriptors for it, that process says it on standard error.

#include <string>
#include <vector>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {

class CheckOutput {
 public:
  /// The most that is kept of it.
  static constexpr std::size_t kMost = 3072;

  /// Before a process is started.
  void clear();
  /// In that process.
  void become_standard_error() const;
  /// What was said, without the program's name before it.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  shm::UniqueFd file_;
};

}  // namespace dolium::daemon
