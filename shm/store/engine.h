#pragma once
// Engine: a store, and the gets, creates and subscribers that wait for it. The daemon and the in-process store share
// it.
//
// Its driver calls tick() when next_deadline() is reached, and settle() after anything that may have made room.
// Callbacks are called from inside these. Those of creates may seal; all may turn holds into grants, or drop them; none
// may wait, cancel or remove.
//
// Not thread-safe; time is passed in.

#include <map>
#include <memory>

#include "shm/store/create_waits.h"
#include "shm/store/event_stream.h"
#include "shm/store/get_waits.h"
#include "shm/store/store.h"

namespace dolium::shm {

class Engine final : private StoreListener {
 public:
  explicit Engine(std::unique_ptr<Store> store);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] Store& store() noexcept { return *store_; }
  [[nodiscard]] GetWaits& gets() noexcept { return gets_; }
  [[nodiscard]] CreateWaits& creates() noexcept { return creates_; }

  /// `wake` is called whenever take_events() may have something new.
  void subscribe(const WaitKey& key, std::function<void()> wake);
  bool unsubscribe(const WaitKey& key) { return streams_.erase(key) != 0; }
  [[nodiscard]] std::vector<Event> take_events(const WaitKey& key, std::size_t limit);
  [[nodiscard]] bool has_events(const WaitKey& key) const;

  /// Ends a waiting get or create as its deadline would. No effect when it is answered already.
  void cancel(const WaitKey& key, TimeNs now);
  /// The client left: its waits and subscriptions end without a callback, and it is detached.
  void drop_client(ClientId client, TimeNs now);
  /// The client's waits, grants and subscriptions end; what it holds and writes stays until drop_client().
  void silence_client(ClientId client);

  /// Expires, times out and scans again what is due; one piece of the cleanup after clients that left.
  void tick(TimeNs now);
  /// Serves waiting creates, if room may have appeared.
  void settle(TimeNs now);
  /// A client released an object, or a reference, while a create waits.
  void on_release(TimeNs now) { creates_.serve(now); }
  [[nodiscard]] TimeNs next_deadline() const noexcept;

  /// One piece of the statistics, from `cursor` on; and all of them (stats_piece.h).
  [[nodiscard]] StatsPiece stats(TimeNs now, SlotIndex cursor);
  [[nodiscard]] StoreStats stats(TimeNs now);
  /// With the clients that wait for it. For an object that does not exist, the error names them.
  [[nodiscard]] Result<ObjectMetadata> metadata(const ObjectId& id, const Moment& now);

 private:
  struct Subscriber {
    explicit Subscriber(EventStream begun) : stream(std::move(begun)) {}
    EventStream stream;
    std::function<void()> wake = {};
  };

  void on_sealed(SlotIndex slot, const SlotFields& object) override;
  void on_removed(SlotIndex slot, const SlotFields& object, RemovalCause cause) override;
  void on_read_back(SlotIndex slot, const SlotFields& object) override;
  void tell(SlotIndex slot, const Event& event);
  [[nodiscard]] std::vector<ClientUse> waiters_for(const ObjectId& id) const;

  std::unique_ptr<Store> store_;
  GetWaits gets_;
  CreateWaits creates_;
  std::map<WaitKey, Subscriber> streams_;
};

}  // namespace dolium::shm
