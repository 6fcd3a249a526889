#pragma once
// Quarantine: extents whose writer is gone, and to which the kernel may still write for it.
//
// A client that is killed while it reads a file into its unsealed object leaves I/O under way: the kernel writes on
// after the hang-up, the pidfd and waitpid(). An extent that was lent to it is given to nobody before that can do no
// harm any more:
//
//   whole pages     are renewed (shm/os/page_renewal.h), a piece at a time, and free when all of them are
//   parts of pages  at both ends, shared with neighbours, rest for a time (StoreConfig::quarantine_seconds: longer than
//                   any I/O takes that does not fail); so do large pages that cannot be split
//
// An extent is renewed first, from its start to its end, then it rests; either part may be missing. What cannot be
// reserved again is tried again after kRetry, and stays here meanwhile.
//
// This class only decides what is due; QuarantinedExtents (shm/store/quarantined_extents.cc) owns rows and memory, and
// a thread of the daemon (daemon/server/renewer.h) renews. Rows say which extents are here and until when they rest,
// not how far renewing got: the next server renews again, and keeps the time.
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

  /// How long nothing is renewed after memory could not be reserved again.
  static constexpr TimeNs kRetry = 5'000'000'000;
  /// Most bytes that are renewed at once: about a millisecond of the kernel's time.
  static constexpr std::uint64_t kPiece = 2 * kHugePageBytes;

  /// An extent of which all that can be renewed is renewed.
  struct Renewed {
    SlotIndex slot;
    Stretch fresh;  ///< free to be used; empty: nothing is
    TimeNs rests_until;
  };

  /// `page`: the size of the pages that the arena consists of.
  explicit Quarantine(std::uint64_t page) noexcept : page_(page) {}

  /// From now on the slot's extent is here, until take_rested(). The parts that cannot be renewed rest until
  /// `rests_until`.
  void add(SlotIndex slot, const Stretch& extent, TimeNs rests_until);
  /// A slot's extent, or what is left of it, rests.
  void rest(SlotIndex slot, TimeNs until) { resting_.emplace(until, slot); }

  /// The piece to renew next; nothing when none is due. The same one until renewed() or failed().
  [[nodiscard]] std::optional<Stretch> next_piece() const noexcept;
  /// The piece has memory, and is `replaced` or as it was. Returns its extent if that was its last piece: it is not
  /// here any more.
  std::optional<Renewed> renewed(bool replaced);
  /// The piece has no memory now. Nothing is due until `now + kRetry`, and tick().
  void failed(TimeNs now) noexcept { retry_at_ = now + kRetry; }

  /// Notices that the pause after a failure is over.
  void tick(TimeNs now) noexcept;
  /// A slot whose extent has rested for long enough; it is not here any more.
  [[nodiscard]] std::optional<SlotIndex> take_rested(TimeNs now);
  /// When tick() and take_rested() have something to do next.
  [[nodiscard]] TimeNs next_deadline() const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size() + resting_.size(); }

 private:
  struct Patient {
    SlotIndex slot;
    TimeNs rests_until;
    Stretch left;   // whole pages that are not renewed yet
    Stretch fresh;  // that are
  };

  std::uint64_t page_;
  std::deque<Patient> waiting_;  // to be renewed; pieces are of the first
  std::multimap<TimeNs, SlotIndex> resting_;
  TimeNs retry_at_ = 0;  // 0: no pause
};

}  // namespace dolium::shm
