#pragma once
// Reconnection: the present Client of a ReconnectingStore, and how it is replaced by the next one. It carries over
// asynchronous gets, and an event descriptor that stays the same.
//
// The first thread that finds its Client disconnected connects again, one thread at a time. The lock is not held
// meanwhile, nor while user code runs. The callbacks of the old client still run: each reports `disconnected`; gets are
// parked here until the next store is there.
//
// fork(): the lock is held during fork(), so that the child finds a consistent state. The child uses the same Client,
// which follows by itself, and has its own descriptors under the same numbers. Other operations that were begun before
// belong to the parent.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <dolium/client.h>

#include "client/fork/fork_handlers.h"
#include "shm/os/unique_fd.h"

namespace dolium::detail {

class Reconnection final : public std::enable_shared_from_this<Reconnection>, private ForkFollower {
 public:
  using Deadline = protocol::Deadline;
  /// Interval between two attempts to reach the next store, while events are waited for.
  static constexpr std::chrono::milliseconds kLook{100};
  /// Pause between two attempts that failed because a daemon went away.
  static constexpr std::chrono::milliseconds kPause{10};

  [[nodiscard]] static Result<std::shared_ptr<Reconnection>> connect(std::string_view path,
                                                                     const ConnectOptions& options);
  Reconnection(const Reconnection&) = delete;
  Reconnection& operator=(const Reconnection&) = delete;
  ~Reconnection();

  /// The caller must check whether it refuses().
  [[nodiscard]] static StoreBackend& backend_of(const Client& client);

  struct Current {
    std::shared_ptr<Client> client;
    std::uint64_t number;  // of the store, from 0
  };
  /// The present client; it may be disconnected.
  [[nodiscard]] Current current() const;
  [[nodiscard]] std::shared_ptr<Client> client() const { return current().client; }
  /// The client after `gone`; connects if there is none yet. Errors as Client::connect().
  [[nodiscard]] Result<std::shared_ptr<Client>> after(const std::shared_ptr<Client>& gone, Deadline deadline);
  /// For a call that is made once: the present client, or the next one if that is known to be disconnected.
  [[nodiscard]] Result<Current> present();
  /// When a call stops waiting for a next store.
  [[nodiscard]] Deadline patience(Timeout timeout) const;
  /// Number of forks between the process that connected and this one.
  [[nodiscard]] std::uint32_t forks() const;

  // ---- deferred puts: the store that they went to ----

  void note_deferred(std::uint64_t number);
  /// Whether some went to another store than this one, and were not flushed. Reports it once.
  [[nodiscard]] bool take_lost_deferred(std::uint64_t number);
  void settled_deferred(std::uint64_t number);

  // ---- events ----

  [[nodiscard]] AsyncHandle get_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done);
  [[nodiscard]] AsyncHandle get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                                           ObjectStore::GetManyCallback done);
  /// Not repeated on another store.
  [[nodiscard]] AsyncHandle take_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done);
  [[nodiscard]] AsyncHandle create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                         ObjectStore::CreateCallback done);
  /// Has the callback run in the next process_events().
  [[nodiscard]] AsyncHandle answer_soon(std::function<void()> callback);
  /// From here on event_fd() is about the present client, which is returned.
  std::shared_ptr<Client> watch();
  [[nodiscard]] int event_fd();
  void process_events();

 private:
  struct PendingGet {
    /// Asks this client; `park` is called instead of the callback when it is disconnected.
    std::function<AsyncHandle(Client& client, Timeout left, std::function<void()> park)> ask;
    std::function<void(const Error& why)> fail;
    Timeout timeout = no_wait;
    Deadline deadline;
    AsyncHandle inner;  // guarded by the mutex
  };
  struct Descriptors {
    shm::UniqueFd poll;   // an epoll of the other two, and of the watched client's event_fd()
    shm::UniqueFd wake;   // an eventfd
    shm::UniqueFd timer;  // a timerfd: when to try the next store
    [[nodiscard]] static Result<Descriptors> make();
  };
  /// In one piece: a child begins with a new one (see Connection::Traffic).
  struct State {
    std::mutex mutex;
    std::condition_variable wake;  // wakes the threads that wait for the one that connects
    std::shared_ptr<Client> client;
    std::uint64_t number = 0;
    bool connecting = false;
    std::shared_ptr<Client> watched;                  // its event_fd() is in `poll`
    std::vector<std::shared_ptr<Client>> left;        // disconnected, and not all of their callbacks have run
    std::vector<std::shared_ptr<PendingGet>> parked;  // until the next store is there
    std::optional<std::uint64_t> deferred;            // the store that unflushed deferred puts went to
    std::uint32_t forks = 0;
  };

  Reconnection(std::string path, ConnectOptions options, std::shared_ptr<Client> client, Descriptors descriptors);

  [[nodiscard]] Result<std::shared_ptr<Client>> connect_before(Deadline deadline) const;
  [[nodiscard]] Result<std::shared_ptr<Client>> connect_again(Deadline deadline);
  /// For events: the client that there is; one that is gone only when no store can be had at this moment.
  [[nodiscard]] std::shared_ptr<Client> present_or_gone();
  template <class T, class Ask>
  [[nodiscard]] AsyncHandle begin_get(Timeout timeout, std::function<void(Result<T>)> done, Ask ask);
  void begin(const std::shared_ptr<PendingGet>& get);
  [[nodiscard]] bool unpark(const std::shared_ptr<PendingGet>& get);
  void begin_parked();
  void refuse_expired(const Error& why);
  void unwatch();  // under the mutex
  void poke() const noexcept;
  void hush() const noexcept;
  void look_later() const noexcept;

  bool keep() noexcept override;
  void before_fork(protocol::Deadline deadline) noexcept override;
  void in_parent() noexcept override;
  bool in_child() noexcept override;

  const std::string path_;  // absolute
  const ConnectOptions options_;
  Descriptors descriptors_;
  std::unique_ptr<State> state_;

  // From keep() to the end of the fork:
  std::shared_ptr<Reconnection> kept_;
  std::unique_ptr<State> childs_;
  std::optional<Descriptors> childs_descriptors_;
};

/// The time left until then, as a timeout that waits.
[[nodiscard]] Timeout time_left(protocol::Deadline deadline);

}  // namespace dolium::detail
