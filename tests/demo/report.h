#pragma once
// Report: compares the demo's promises with the store's state at the end.

#include <memory>
#include <string>
#include <vector>

#include "tests/demo/conductor.h"

namespace dolium::demo {

class Report {
 public:
  /// A line of the table; a failed one fails the run.
  void check(bool ok, std::string what, std::string found);
  void tell(std::string what, std::string found);

  [[nodiscard]] bool all_ok() const noexcept { return all_ok_; }
  void print() const;

 private:
  struct Line {
    std::string verdict, what, found;
  };
  std::vector<Line> lines_;
  bool all_ok_ = true;
};

/// The keeper is killed, and a new daemon finds each piece on the disk. `client` is another one then.
[[nodiscard]] Result<void> report_restart(Report& report, OwnDaemon& daemon, std::shared_ptr<Client>& client,
                                          const Names& names, const Input& input);
void report_run(Report& report, const Input& input, const Outcome& outcome, const Watcher& watcher,
                std::uint64_t capacity);
/// Nothing of this run is held, pinned or missing. Then removes what is left of it.
[[nodiscard]] Result<void> report_leftovers(Report& report, Client& client, const Names& names, std::size_t count,
                                            const Watcher& watcher, bool spill);
/// For a daemon that had nothing else to do: everything is back to what it was.
[[nodiscard]] Result<void> report_store(Report& report, Client& client, bool spill);

}  // namespace dolium::demo
