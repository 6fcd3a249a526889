#pragma once
// Number of system calls of an operation: a program runs twice under `strace -c`, once with many more operations. The
// difference belongs to the operations, whatever start and end cost.

#include <map>
#include <string>
#include <vector>

namespace dolium::bench {

/// System calls per operation by name; those below one in a thousand operations are left out (a page fault's or
/// a timer's doing). Empty with a `reason` when strace is not there or may not trace.
struct SystemCalls {
  std::map<std::string, double> per_operation;
  std::string reason = {};

  [[nodiscard]] double total() const;
  /// "sendmsg 1, poll 1"
  [[nodiscard]] std::string text() const;
};

/// `command` takes the number of operations as its last argument.
[[nodiscard]] SystemCalls count_system_calls(const std::vector<std::string>& command, int few, int many);

}  // namespace dolium::bench
