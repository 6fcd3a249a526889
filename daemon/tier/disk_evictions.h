#pragma once
// DiskEvictions: evict(bytes) requests that need the disk. What can be evicted at once was not enough, and the rest is
// dirty. So the tier writes as many bytes as are wanted, and what has become clean is evicted.
//
// Each ends when its bytes are free, when the disk makes no more of them evictable, or when nothing was freed for
// kPatience. The requests are served in the order of their arrival.
//
// Not thread-safe; time is passed in.

#include <cstdint>
#include <deque>
#include <functional>

#include "shm/store/engine.h"

namespace dolium::daemon {

class DiskEvictions {
 public:
  /// Maximum time without progress.
  static constexpr shm::TimeNs kPatience = shm::GetWaits::kDiskPatience;

  using Done = std::function<void(const shm::Room::Evicted& evicted)>;

  explicit DiskEvictions(shm::Store& store) noexcept : store_(store) {}

  /// `so_far`: what was freed already of these `bytes`.
  void add(const shm::WaitKey& key, std::uint64_t bytes, const shm::Room::Evicted& so_far, shm::TimeNs now, Done done);
  /// Evicts what can be evicted. With `disk_helps`, a request whose bytes are not free goes on waiting.
  void serve(shm::TimeNs now, bool disk_helps);
  void drop_client(shm::ClientId client);

  [[nodiscard]] bool contains(const shm::WaitKey& key) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return waits_.empty(); }
  /// Bytes that all of them still want.
  [[nodiscard]] std::uint64_t wanted_bytes() const noexcept;
  [[nodiscard]] shm::TimeNs next_deadline() const noexcept;

 private:
  struct Wait {
    shm::WaitKey key;
    std::uint64_t bytes;
    shm::Room::Evicted evicted;
    shm::TimeNs deadline;
    Done done;
  };

  [[nodiscard]] bool goes_on(Wait& wait, shm::TimeNs now, bool disk_helps);

  shm::Store& store_;
  std::deque<Wait> waits_;
};

}  // namespace dolium::daemon
