#pragma once
// LocalEngine: the engine, a lock around it, and this process as its one client. Behind InProcessStore.
//
// Where the heap has no memory in the middle of a change, the store's books are half done, and there is no other
// process to go on with them: from then on it refuses everything and says why. What is held stays readable.
//
// Lock order: mutex_, then Completions' own. No user code runs under either. An Object may end under mutex_, and
// then says so to on_release(), which leaves it to the thread that has the lock, that is, to itself.

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

  /// Calls use(engine, now) under the lock, with what is due expired; then serves who waits and wakes who was
  /// answered.
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
  /// Of this client; they are not answered.
  void drop_waiters() noexcept;
  /// Nothing may be asked of it any more: in a forked child, or for want of memory.
  [[nodiscard]] bool refuses() const noexcept { return attachment_->refuses(); }
  [[nodiscard]] Error refusal() const;

  /// Expires what is due; a look at one word when nothing is.
  void expire_due();
  /// Blocks until `done` (written under the lock) is true, driving the engine's deadlines meanwhile; false when
  /// the deadline passed first, or nobody will ever write it: see refuses().
  bool wait_until(const bool& done, shm::TimeNs deadline);

  [[nodiscard]] Attachment& attachment() const noexcept { return *attachment_; }
  [[nodiscard]] shm::ClientId client() const noexcept { return client_; }
  [[nodiscard]] shm::WaitKey next_key() noexcept { return {client_, ++last_key_}; }
  [[nodiscard]] Completions& completions() noexcept { return completions_; }
  /// Readable when callbacks are due or a deadline has come.
  [[nodiscard]] int event_fd() const noexcept { return poll_fd_.get(); }
  /// Somebody dropped the last reference to something while a create waits.
  void on_release() noexcept;

 private:
  /// The lock, and who has it.
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
  /// Does what changes the engine, under the lock.
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
  std::atomic<std::thread::id> owner_{};  // of mutex_
  bool release_pending_ = false;          // guarded by mutex_
  std::condition_variable changed_;
  std::unique_ptr<shm::Engine> engine_;                // guarded by mutex_
  std::atomic<shm::TimeNs> next_expiry_{shm::kNever};  // written under mutex_, read without
  std::atomic<std::uint64_t> last_key_{0};
  shm::ClientId client_ = 0;
  AttachmentRef attachment_;
  Completions completions_;
  shm::TimeNs armed_for_ = shm::kNever;  // guarded by mutex_: what the timer is set to
  shm::UniqueFd timer_fd_;
  shm::UniqueFd poll_fd_;  // an epoll of the timer and the completions
};

}  // namespace dolium::detail
