#pragma once
// Removals: makes dead records stay dead. Writes their tombstones, again and again until each is durable, and tells
// when a record can not come back any more.
//
// One thread.

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "daemon/spill/file_table.h"
#include "daemon/spill/log.h"

namespace dolium::spill {

/// Calls `done` when the last of several steps has let go of it. Then the record can not come back.
class Removal {
 public:
  explicit Removal(std::function<void()> done) : done_(std::move(done)) {}
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;
  /// The last holder has let go.
  ~Removal() {
    if (done_) done_();
  }

 private:
  std::function<void()> done_;
};
using RemovalPtr = std::shared_ptr<Removal>;

class Removals {
 public:
  Removals(Log& log, FileTable& table) : log_(log), table_(table) {}
  Removals(const Removals&) = delete;
  Removals& operator=(const Removals&) = delete;

  enum class Tell : std::uint8_t {
    when_durable,
    first_failure,  ///< also when the tombstone fails for the first time, and is to be written again
  };
  /// Keeps `removal` until the record is dead for good.
  void bury(const Tombstone& tombstone, const RemovalPtr& removal, Tell tell = Tell::when_durable);
  /// Keeps it until the file is gone.
  void await_end(FileNumber file, const RemovalPtr& removal) { ends_[file].push_back(removal); }
  /// Keeps it until the clear record is durable. `clear.home` is not used.
  void clear(const ClearMark& clear, const RemovalPtr& removal);
  [[nodiscard]] static RecordHead head_of(const Tombstone& tombstone);
  [[nodiscard]] static RecordHead head_of(const ClearMark& clear);

  /// Puts what has failed into the log again.
  void retry();
  /// Tells of files that are gone.
  void settle();
  [[nodiscard]] bool is_idle() const noexcept { return under_way_ == 0 && failed_.empty() && ends_.empty(); }
  [[nodiscard]] std::size_t failed() const noexcept { return failed_.size(); }
  /// Whether a tombstone has failed once, and is not durable yet. What is written after it must not be told of until
  /// then: it would outlive the tombstone.
  [[nodiscard]] bool is_behind() const noexcept { return behind_ != 0; }

 private:
  struct Failed {
    RecordHead head;
    RemovalPtr removal;
  };
  void put(const RecordHead& head, const RemovalPtr& removal, Tell tell, bool again = false);

  void note_clear(const Appended& appended);

  Log& log_;
  FileTable& table_;
  std::size_t under_way_ = 0;
  std::size_t behind_ = 0;
  std::vector<Failed> failed_;
  std::map<FileNumber, std::vector<RemovalPtr>> ends_;
};

}  // namespace dolium::spill
