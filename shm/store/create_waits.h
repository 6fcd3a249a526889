#pragma once
// CreateWaits: who waits for room, in order of arrival; what fits now need not stand behind what does not.
//
// The daemon hears of no release. So while anyone waits, release_wanted stands in the index, and a client that
// drops an object's last reference says so; the queue is then served again. The word is set before the scan
// that decides to wait: a release that the scan did not see, sees the word. A slow rescan (kRescan) is the
// belt to these braces.
//
// Not thread-safe; time is passed in.

#include <functional>
#include <list>
#include <span>
#include <string>

#include "shm/store/get_waits.h"
#include "shm/store/store.h"

namespace dolium::shm {

class CreateWaits {
 public:
  /// How many creates one client may have waiting.
  static constexpr std::size_t kMaxPerClient = 1024;
  /// How often the queue is served without anyone having said anything.
  static constexpr TimeNs kRescan = 100'000'000;
  /// After it was served in vain, and that took so many looks (Store::looks()), it rests, for so long for each look:
  /// ten times what a look takes. So creates that wait for more room than there can be cost others a tenth of the
  /// daemon's time. Looks are counted, not timed: a state machine reads no clock.
  static constexpr std::uint64_t kLongScan = 100'000;
  static constexpr TimeNs kRestPerLook = 500;

  using Done = std::function<void(Result<Placement>)>;

  explicit CreateWaits(Store& store) : store_(store) {}
  /// For tests, whose stores are small: what counts as a long scan.
  void set_long_scan(std::uint64_t looks) noexcept { long_scan_ = looks; }

  /// Creates now or waits for room until the deadline. `done` may be called before this returns. Waits that
  /// end in vain are `timed_out`; out_of_memory when the deadline is not after `now`.
  void add(const WaitKey& key, const NewObject& object, TimeNs deadline, TimeNs now, Done done);
  /// Store::put_object(), now or not at all: want of room is counted as it is for creates.
  [[nodiscard]] Result<SlotIndex> put_now(ClientId client, const NewObject& object, std::span<const std::byte> data,
                                          std::span<const std::byte> metadata, TimeNs now);
  /// The same of Store::put_leased().
  [[nodiscard]] Result<SlotIndex> put_leased(ClientId client, SlotIndex lease, const NewObject& object, TimeNs now);
  [[nodiscard]] bool contains(const WaitKey& key) const noexcept;
  /// Room may have appeared: serves all that fit.
  void serve(TimeNs now);
  /// Ends the wait as its deadline would; false when there is no such wait.
  bool cancel(const WaitKey& key, TimeNs now);
  void drop_client(ClientId client);
  /// Ends what is due, and serves when the last scan is kRescan ago.
  void tick(TimeNs now);

  [[nodiscard]] TimeNs next_deadline() const noexcept;
  /// Whether it was served in vain at such a cost that it is not served again yet.
  [[nodiscard]] bool rests(TimeNs now) const noexcept { return now < rests_until_; }
  [[nodiscard]] std::size_t count() const noexcept { return queue_.size(); }
  [[nodiscard]] std::size_t count(ClientId client) const noexcept;

 private:
  struct Wait {
    WaitKey key;
    NewObject object;  // its type_name is a view of `type_name`
    std::string type_name;
    TimeNs deadline;
    Error refused;  // the last time it was tried
    Done done;
  };
  using Queue = std::list<Wait>;

  [[nodiscard]] bool lacks_room(ClientId client, const NewObject& object, const Error& refused) const;
  void note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now);
  Queue::iterator find(const WaitKey& key) noexcept;
  void give_up(Queue::iterator wait, TimeNs now);
  void left() noexcept;
  [[nodiscard]] TimeNs next_scan() const noexcept;

  void rest_after(std::uint64_t looks, TimeNs now) noexcept;

  Store& store_;
  Queue queue_;
  std::uint64_t long_scan_ = kLongScan;
  TimeNs last_scan_ = 0;
  TimeNs rests_until_ = 0;
  bool asked_meanwhile_ = false;  // to serve, while it rested
};

}  // namespace dolium::shm
