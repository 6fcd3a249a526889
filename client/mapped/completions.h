#pragma once
// Completions: the callbacks that are due, and a descriptor that is readable while there are any.
//
// Every asynchronous operation ends with exactly one push(), from any thread. The callbacks run in process_events(),
// one after the other, with no lock held. A ticket names the operation: if it is cancelled before its callback begins,
// the callback is not called.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::detail {

class Completions {
 public:
  using Ticket = std::uint64_t;

  [[nodiscard]] Result<void> open();
  /// Readable (level-triggered) while callbacks are due.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  /// `keep` is the user's callback. It lives until it was called, or never will be. It must have no other owner: so it
  /// is destroyed with no lock held, where user code may run, and may call the store.
  [[nodiscard]] Ticket begin(std::shared_ptr<const void> keep);
  /// The operation has ended: `callback` runs in the next run(), unless the ticket is cancelled first. Only then is the
  /// object that begin() keeps destroyed before.
  void push(Ticket ticket, std::function<void()> callback);
  /// True: the callback of the ticket has not begun and never will. It is destroyed here.
  bool cancel(Ticket ticket);
  void run();
  /// Makes fd() readable until the next run(), even if no callback is due. No effect before open().
  void poke() noexcept;
  /// Destroys all callbacks without calling them, at the end of the store.
  void discard_all();
  /// In a forked child: operations and tickets of the parent are forgotten. `fd`, an eventfd, gets the number of fd().
  [[nodiscard]] bool start_over(shm::UniqueFd fd);

 private:
  struct Due {
    Ticket ticket;
    std::function<void()> callback;
  };

  /// One object, so that a forked child can leave it as it is; see Connection::Traffic.
  struct State {
    std::mutex mutex;
    Ticket last = 0;  // guarded by mutex, as all below
    std::unordered_map<Ticket, std::shared_ptr<const void>>
        pending;           // operations that are neither called nor cancelled; -> keep
    std::vector<Due> due;  // no deque: an empty one allocates, and discard_all() runs in a destructor
  };

  shm::UniqueFd fd_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace dolium::detail
