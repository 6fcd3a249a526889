#pragma once
// CreateWaits: creates that wait for room, in order of arrival. One that fits now overtakes those that do not.
//
// Clients release objects without a message. So while a create waits, the word release_wanted is set in the index, and
// a client that drops its last reference to an object sends a message; then the queue is served again. The word is set
// before the scan that decides to wait: a release that the scan did not see, sees the word. A slow periodic scan
// (kRescan) is a second line of defence.
//
// No call walks over all waits but a scan, and a scan is bounded: after kLongScan looks the next one continues.
//
// Not thread-safe; time is passed in.

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "shm/store/get_waits.h"
#include "shm/store/store.h"
#include "shm/store/writeback.h"

namespace dolium::shm {

class CreateWaits {
 public:
  /// Maximum number of waiting creates of one client.
  static constexpr std::size_t kMaxPerClient = 1024;
  /// Period of the scans without a message.
  static constexpr TimeNs kRescan = 100'000'000;
  /// After a scan in vain that took at least kLongScan looks (Room::looks()), the queue rests, for kRestPerLook for
  /// each look: ten times what a look takes. So creates that wait for more room than there can be cost others at most a
  /// tenth of the server's time. Looks are counted, not timed: a state machine reads no clock.
  static constexpr std::uint64_t kLongScan = 100'000;
  static constexpr TimeNs kRestPerLook = 500;

  using Done = std::function<void(Result<Placement>)>;

  explicit CreateWaits(Store& store) : store_(store) {}
  /// What writes dirty objects to disk; nullptr: nothing does.
  void set_writeback(const Writeback* writeback) noexcept { writeback_ = writeback; }
  /// For tests, whose stores are small: another kLongScan.
  void set_long_scan(std::uint64_t looks) noexcept { long_scan_ = looks; }

  /// Creates now, or waits for room until the deadline. `done` may be called before this returns. A wait in vain ends
  /// with `timed_out`; with out_of_memory when the deadline is not after `now`.
  void add(const WaitKey& key, const NewObject& object, TimeNs deadline, TimeNs now, Done done) {
    begin(key, object, {deadline, false}, now, std::move(done));
  }
  /// The same for a create that waits for the disk alone, GetWaits::kDiskPatience at most, and not for other clients. A
  /// wait in vain ends with out_of_memory: also as soon as writing to disk cannot help any more.
  void add_for_disk(const WaitKey& key, const NewObject& object, TimeNs now, Done done);
  /// Whether a create of so many bytes that was refused with this error may wait for the disk.
  [[nodiscard]] bool disk_may_help(std::uint64_t bytes, const Error& refused) const;
  /// The disk makes no room for now: ends the waits for it alone.
  void give_up_disk(TimeNs now);
  /// Nothing is created any more: ends all waits with this error.
  void refuse_all(const Error& why);
  /// Store::put_object(), without waiting. Want of room is counted as for creates.
  /// With `may_wait`: one that the disk may help is not counted, because the caller then waits: add_for_disk().
  [[nodiscard]] Result<SlotIndex> put_now(ClientId client, const NewObject& object, std::span<const std::byte> data,
                                          std::span<const std::byte> metadata, TimeNs now, bool may_wait = false);
  /// The same for Leases::put(), after which the lease has lost these bytes.
  [[nodiscard]] Result<SlotIndex> put_leased(ClientId client, SlotIndex lease, const NewObject& object, TimeNs now);
  /// Whether such a put would be refused, and may wait for the disk: add_for_disk(). Its bytes are still in the lease.
  [[nodiscard]] bool must_wait_in_its_lease(const NewObject& object) const;
  [[nodiscard]] bool contains(const WaitKey& key) const noexcept { return by_key_.contains(key); }
  /// Room may have appeared: creates all objects that fit.
  void serve(TimeNs now);
  /// Ends the wait as its deadline would. False when there is no such wait.
  bool cancel(const WaitKey& key, TimeNs now);
  void drop_client(ClientId client);
  /// Ends the waits that are due, and serves the queue when the last scan is kRescan ago.
  void tick(TimeNs now);

  [[nodiscard]] TimeNs next_deadline() const noexcept;
  /// Whether the queue rests after an expensive scan in vain.
  [[nodiscard]] bool rests(TimeNs now) const noexcept { return now < rests_until_; }
  [[nodiscard]] std::size_t count() const noexcept { return queue_.size(); }
  /// Size of the object that has waited longest; 0 if none waits, else at least 1.
  [[nodiscard]] std::uint64_t first_size() const noexcept {
    return queue_.empty() ? 0 : std::max<std::uint64_t>(total_size(queue_.front().object), 1);
  }
  [[nodiscard]] std::size_t count(ClientId client) const noexcept {
    const auto found = per_client_.find(client);
    return found == per_client_.end() ? 0 : found->second;
  }

 private:
  struct Wait {
    WaitKey key;
    NewObject object;  // its type_name and label are views of those below
    std::string type_name;
    std::string label;
    TimeNs deadline;
    bool for_disk;  // waits for the disk alone
    Error refused;  // of the last try
    Done done;
  };
  struct Patience {
    TimeNs deadline;
    bool for_disk;
  };
  using Queue = std::list<Wait>;
  using Answers = std::vector<std::pair<Done, Result<Placement>>>;

  void begin(const WaitKey& key, const NewObject& object, const Patience& patience, TimeNs now, Done done);
  [[nodiscard]] bool lacks_room(ClientId client, const NewObject& object, const Error& refused) const;
  void note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now);
  void enlist(Wait wait);
  Queue take_out(Queue::iterator wait);
  void give_up(Queue::iterator wait, TimeNs now);
  void give_up_what_the_disk_cannot_help(TimeNs now);
  [[nodiscard]] bool try_again(Wait& wait, std::uint64_t& too_large, TimeNs now, Answers& answers);
  void left() noexcept;
  [[nodiscard]] TimeNs next_scan() const noexcept;

  void rest_after(std::uint64_t looks, TimeNs now) noexcept;

  Store& store_;
  const Writeback* writeback_ = nullptr;
  Queue queue_;
  std::map<WaitKey, Queue::iterator> by_key_;
  std::set<std::pair<TimeNs, WaitKey>> deadlines_;
  std::unordered_map<ClientId, std::size_t> per_client_;
  std::optional<WaitKey> next_;  // where the next scan continues; none: at the beginning
  std::size_t for_disk_ = 0;     // number of these in the queue
  std::uint64_t long_scan_ = kLongScan;
  TimeNs last_scan_ = 0;
  TimeNs rests_until_ = 0;
  bool asked_meanwhile_ = false;  // serve() was called while it rested
};

}  // namespace dolium::shm
