#pragma once
// ReadQueue: the spilled objects that gets wait for, in the order in which they are read back.
//
// Two kinds take turns, so that neither waits for long:
//   first    those of the one get of several objects whose turn it is (shm/store/get_waits.h)
//   others   those of all other gets and takes; the clients take turns, and each has a limited number under way
//
// A read for which there is no room is *stuck*. For kAlone no other read begins, so that what becomes free is for this
// one; then for as long others may, because it may need more than there can be; and so on. So a stream of small gets
// does not starve a large one, and a large one does not block small ones for long.
//
// Objects that nothing waits for any more are passed over. Not thread-safe; time is passed in.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>

#include "shm/store/store_types.h"

namespace dolium::daemon {

/// An object: its slot, and which of the objects that had this slot.
struct ObjectKey {
  shm::SlotIndex slot;
  shm::TimeNs sealed;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

class ReadQueue {
 public:
  /// Maximum number of reads under way for one client, but for those of the first get.
  static constexpr std::size_t kPerClient = 64;
  static constexpr shm::TimeNs kAlone = 1'000'000'000;
  /// Number of objects in a client's queue at which those that nothing waits for are removed.
  static constexpr std::size_t kTidyFrom = 65'536;

  struct Wanted {
    shm::ClientId client;
    ObjectKey object;
    bool is_first;
  };
  using IsWanted = std::function<bool(const ObjectKey& object)>;

  explicit ReadQueue(IsWanted is_wanted) : is_wanted_(std::move(is_wanted)) {}

  void add(const Wanted& wanted);
  /// A client has left. A stuck one may be wanted by others.
  void drop_client(shm::ClientId client);
  /// It is tried again at this time, before others of its kind.
  void retry(const Wanted& wanted, shm::TimeNs when) { retries_.emplace(when, wanted); }

  /// Begins a turn: a stuck one is tried again, once.
  void begin_turn(shm::TimeNs now);
  /// The next one of this turn; it leaves the queue, and note() is due. None: there is none, or a stuck one must be
  /// alone.
  [[nodiscard]] std::optional<Wanted> next(shm::TimeNs now);
  /// `passed_over`: it need not be read.
  enum class Outcome : std::uint8_t { begun, no_room, passed_over };
  void note(const Wanted& wanted, Outcome outcome, shm::TimeNs now);
  /// A read that was begun has ended.
  void note_ended(const Wanted& wanted);
  /// All that were begun are void.
  void note_all_ended() noexcept { under_way_.clear(); }

  [[nodiscard]] bool empty() const noexcept { return first_.empty() && others_.empty() && !stuck_; }
  [[nodiscard]] shm::TimeNs next_retry() const noexcept {
    return retries_.empty() ? shm::kNever : retries_.begin()->first;
  }

 private:
  using Objects = std::deque<ObjectKey>;
  struct Stuck {
    Wanted wanted;
    shm::TimeNs since;
  };

  void tidy(Objects& objects);
  void put_back(const Wanted& wanted);
  [[nodiscard]] bool is_alone(shm::TimeNs now) const noexcept;
  [[nodiscard]] std::optional<Wanted> next_first();
  [[nodiscard]] std::optional<Wanted> next_other();
  [[nodiscard]] std::size_t under_way(shm::ClientId client) const;

  const IsWanted is_wanted_;
  std::deque<Wanted> first_;
  std::map<shm::ClientId, Objects> others_;  // no deque is empty
  std::unordered_map<shm::ClientId, std::size_t> under_way_;
  std::multimap<shm::TimeNs, Wanted> retries_;
  std::optional<Stuck> stuck_;  // it is in no queue
  bool tries_stuck_ = false;    // in this turn
  bool turn_is_over_ = false;
  shm::ClientId last_client_ = 0;  // of the others
  bool first_was_last_ = false;
};

}  // namespace dolium::daemon
