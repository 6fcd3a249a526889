#pragma once
// Refusals: why there was no room. Makes the error texts of refused creates, and remembers the last refusal.
//
// A refused client may try again at once and for ever. So all pin tables are searched for the clients that hold the
// memory only now and then, and the answer is used for the refusals in between.
//
// Not thread-safe.

#include <optional>
#include <vector>

#include <dolium/error.h>
#include <dolium/stats.h>

#include "shm/store/graces.h"
#include "shm/store/store_types.h"

namespace dolium::shm {

struct StoreParts;

class Refusals {
 public:
  /// Minimum time between two searches of all pin tables.
  static constexpr TimeNs kSearchRest = 100'000'000;
  /// The same, for each look that the search takes.
  static constexpr TimeNs kRestPerLook = 160;

  /// `parts` are only read, but for grants that clients took up.
  explicit Refusals(StoreParts& parts) noexcept : parts_(parts) {}

  /// The error of a create that found no `bytes` in one piece. With `shortage`: the arena ends before its capacity,
  /// because no more memory could be reserved.
  [[nodiscard]] Error no_room(std::uint64_t bytes, const Error* shortage);
  /// The error of a create of retention `keep` with so many bytes: Spill::may_keep().
  [[nodiscard]] Error too_much_dirty(std::uint64_t bytes, std::uint64_t unsealed) const;
  /// The error of a create that found no free slot.
  [[nodiscard]] Error no_slot();
  /// The same, where the index has no memory for another row.
  [[nodiscard]] Error no_memory_for_slot(const Error& shortage) const;
  /// A create failed with this error. Remembered if the cause is want of room or a quota.
  void note(ClientId client, const NewObject& object, const Error& error);
  /// Fills in the last refusal.
  void tell(StoreStats& stats) const;

 private:
  void search();
  [[nodiscard]] std::string graces_in_words() const;
  [[nodiscard]] std::string dirty_in_words() const;
  [[nodiscard]] std::string disk_in_words() const;
  [[nodiscard]] std::string obstacles_in_words() const;
  [[nodiscard]] std::string kept_in_words() const;

  StoreParts& parts_;
  std::optional<Refusal> last_;  // without `ago`
  TimeNs last_at_ = 0;
  TimeNs next_search_ = 0;
  Obstacles obstacles_;             // as of the last search
  std::vector<ClientUse> holders_;  // likewise
  Graces::Ends grace_ends_;         // likewise
};

}  // namespace dolium::shm
