#pragma once
// Quarantine: extents of dead writers, to which the kernel may still write on their behalf.
//
// A client that is killed while it reads a file into its unsealed object leaves I/O in flight: the kernel continues to
// write after the hang-up, the pidfd and waitpid(). An extent that such a client could write to is not reused before
// that I/O can do no harm:
//
//   whole pages     are renewed (shm/os/page_renewal.h), a piece at a time, and are free when all of them are renewed
//   parts of pages  at both ends, which neighbours share, rest for a time that is longer than any successful I/O takes
//                   (StoreConfig::quarantine_seconds); so do large pages that cannot be split
//
// An extent is renewed first, from its start to its end; then its rest rests. Either step may be missing. If the memory
// of a piece cannot be reserved again, it stays here and is retried after kRetry.
//
// This class only decides which step is due. QuarantinedExtents (shm/store/quarantined_extents.cc) owns rows and
// memory, and a thread of the daemon (daemon/server/renewer.h) renews pages. Rows record which extents are in
// quarantine and until when they rest, but not the progress of the renewal: a restarted server renews again, and keeps
// the time.
//
// Not thread-safe; time is passed in.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "shm/arena/arena_memory.h"
#include "shm/os/basic_types.h"

namespace dolium::shm {

class Quarantine {
 public:
  using Stretch = ArenaMemory::Stretch;

  /// Pause in ns after memory could not be reserved again.
  static constexpr TimeNs kRetry = 5'000'000'000;
  /// Maximum number of bytes that are renewed at once: takes the kernel about a millisecond.
  static constexpr std::uint64_t kPiece = 2 * kHugePageBytes;

  /// An extent whose renewal is complete.
  struct Renewed {
    SlotIndex slot;
    Stretch fresh;  ///< renewed bytes, free for use; may be empty
    TimeNs rests_until;
  };

  /// `page`: page size of the arena, in bytes.
  explicit Quarantine(std::uint64_t page) noexcept : page_(page) {}

  /// Puts the slot's extent into quarantine, until take_rested(). The parts that cannot be renewed rest until
  /// `rests_until`.
  void add(SlotIndex slot, const Stretch& extent, TimeNs rests_until);
  /// Lets a slot's extent, or the rest of it, rest until that time.
  void rest(SlotIndex slot, TimeNs until) { resting_.emplace(until, slot); }

  /// The next piece to renew; nothing if none is due. The same piece until renewed() or failed().
  [[nodiscard]] std::optional<Stretch> next_piece() const noexcept;
  /// Reports that the piece has memory; `replaced`: its pages are new ones. If it was the last piece, removes the
  /// extent from the quarantine and returns it.
  std::optional<Renewed> renewed(bool replaced);
  /// Reports that the piece has no memory now. No piece is due until a tick() at `now + kRetry` or later.
  void failed(TimeNs now) noexcept { retry_at_ = now + kRetry; }

  /// Ends the pause after a failure when its time has come.
  void tick(TimeNs now) noexcept;
  /// Removes and returns a slot whose extent has rested long enough, if there is one.
  [[nodiscard]] std::optional<SlotIndex> take_rested(TimeNs now);
  /// Next time at which tick() or take_rested() has something to do; kNever if none.
  [[nodiscard]] TimeNs next_deadline() const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size() + resting_.size(); }

 private:
  struct Patient {
    SlotIndex slot;
    TimeNs rests_until;
    Stretch left;   // whole pages that remain to be renewed
    Stretch fresh;  // whole pages that are renewed
  };

  std::uint64_t page_;
  std::deque<Patient> waiting_;  // to be renewed; next_piece() is a part of the first
  std::multimap<TimeNs, SlotIndex> resting_;
  TimeNs retry_at_ = 0;  // 0: no pause
};

}  // namespace dolium::shm
