#pragma once
// LocalEngine: the engine of an InProcessStore, a lock around it, and this process as its only client.
//
// If an allocation fails in the middle of a change, the store's data is inconsistent, and no other process can repair
// it: from then on every call is refused with an error that says so. Held objects stay readable.
//
// Lock order: mutex_, then the one of Completions. No user code runs under either. An Object may be destroyed under
// mutex_: then on_release() notes it, and the thread that has the lock serves it before it unlocks.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <type_traits>

#include <dolium/object_store.h>

#include "client/mapped/attachment.h"
#include "client/mapped/completions.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/engine.h"

namespace dolium::detail {

class LocalEngine : public std::enable_shared_from_this<LocalEngine> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<LocalEngine>> open(const StoreConfig& config);
  ~LocalEngine();

  /// Calls use(engine, now) under the lock, after expiring the objects that are due; then serves waiting operations and
  /// wakes the threads whose calls were answered.
  template <class Use>
  auto with(Use&& use) {
    const Turn turn(*this);
    const shm::TimeNs now = shm::monotonic_now();
    return or_broken([&] {
      engine_->tick(now);
      if constexpr (std::is_void_v<decltype(use(*engine_, now))>) {
        use(*engine_, now);
        after_change(now);
      } else {
        auto result = use(*engine_, now);
        after_change(now);
        return result;
      }
    });
  }
  /// Ends all waits of this client without an answer.
  void drop_waiters() noexcept;
  /// True if every call is refused: in a forked child, or after a failed allocation.
  [[nodiscard]] bool refuses() const noexcept { return attachment_->refuses(); }
  [[nodiscard]] Error refusal() const;

  /// Expires the objects that are due. Reads one word if there are none.
  void expire_due();
  /// Blocks until `done` (written under the lock) is true, and serves the engine's deadlines meanwhile. False if the
  /// deadline passed first, or if refuses().
  bool wait_until(const bool& done, shm::TimeNs deadline);

  [[nodiscard]] Attachment& attachment() const noexcept { return *attachment_; }
  [[nodiscard]] shm::ClientId client() const noexcept { return client_; }
  [[nodiscard]] shm::WaitKey next_key() noexcept { return {client_, ++last_key_}; }
  [[nodiscard]] Completions& completions() noexcept { return completions_; }
  /// Readable if callbacks are due or a deadline has passed.
  [[nodiscard]] int event_fd() const noexcept { return poll_fd_.get(); }
  /// Called when the last reference to an object was dropped while a create waits.
  void on_release() noexcept;

 private:
  /// Holds the lock, and records the thread that has it.
  class Turn {
   public:
    explicit Turn(LocalEngine& local) : local_(local), lock_(local.mutex_) {
      local_.owner_ = std::this_thread::get_id();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { local_.owner_ = std::thread::id(); }
    void wait(shm::TimeNs at_most_ns);

   private:
    LocalEngine& local_;
    std::unique_lock<std::mutex> lock_;
  };

  LocalEngine() = default;
  [[nodiscard]] Result<void> attach();
  [[nodiscard]] Result<void> open_event_fd();
  void after_change(shm::TimeNs now);
  /// Changes the engine, under the lock; closes the store if an allocation fails.
  template <class Change>
  auto or_broken(Change&& change) {
    try {
      return change();
    } catch (const std::bad_alloc&) {
      attachment_->close();
      changed_.notify_all();
      throw;
    }
  }

  std::mutex mutex_;
  std::atomic<std::thread::id> owner_{};  // the thread that has mutex_
  bool release_pending_ = false;          // guarded by mutex_
  std::condition_variable changed_;
  std::unique_ptr<shm::Engine> engine_;                // guarded by mutex_
  std::atomic<shm::TimeNs> next_expiry_{shm::kNever};  // written under mutex_, read without
  std::atomic<std::uint64_t> last_key_{0};
  shm::ClientId client_ = 0;
  AttachmentRef attachment_;
  Completions completions_;
  shm::TimeNs armed_for_ = shm::kNever;  // the timer's time; guarded by mutex_
  shm::UniqueFd timer_fd_;
  shm::UniqueFd poll_fd_;  // an epoll of the timer and the completions
};

}  // namespace dolium::detail
