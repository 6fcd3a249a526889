#pragma once
// Verifier: reads every record, and checks its bytes, while the tier works.
//
// One thread.

#include <functional>
#include <vector>

#include "daemon/spill/catalogue.h"
#include "shm/os/basic_types.h"

namespace dolium::spill {

struct Verified {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::vector<ObjectId> damaged;  ///< wrong checksum, or the disk did not return them; since the last look
  bool finished = false;
};

class Verifier {
 public:
  /// Records that are read at a time: few, so that other reads do not wait for long.
  static constexpr std::size_t kUnderWay = 4;
  /// Bytes that are read in a second: so the disk has time for the store.
  static constexpr std::uint64_t kBytesPerSecond = std::uint64_t{256} << 20;
  /// Begins a read of the record, without memory for it. False: it is gone.
  using Check = std::function<bool(Sequence, std::function<void(int error)>)>;

  explicit Verifier(Check check) : check_(std::move(check)) {}
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// Begins anew, with the records of this moment.
  void start(const Catalogue& catalogue);
  /// `now`: monotonic.
  void pump(const Catalogue& catalogue, shm::TimeNs now);
  /// What is known so far; takes at most `most` of the damaged ones. Finished only when none are left.
  [[nodiscard]] Verified take_progress(std::size_t most);
  [[nodiscard]] bool is_running() const noexcept { return running_; }

 private:
  void on_checked(std::uint32_t run, const ObjectId& id, std::uint64_t bytes, int error);

  [[nodiscard]] bool may_read(shm::TimeNs now) const noexcept { return running_ && now >= next_read_; }

  Check check_;
  std::vector<Sequence> records_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  std::uint32_t run_ = 0;
  bool running_ = false;
  shm::TimeNs next_read_ = 0;  // when the rate allows another record
  Verified progress_;
};

}  // namespace dolium::spill
