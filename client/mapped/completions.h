#pragma once
// Completions: callbacks that are due, and the descriptor that says so.
//
// Every asynchronous operation ends in exactly one push(), from whichever thread learned of its end; the
// callbacks run in process_events(), one after the other, outside all locks. A cancelled operation is known
// here by its ticket: what is cancelled before its callback was begun will not be called.

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

  /// `keep` is the user's callback, and lives until it was called or never will be. Nobody else may own it: then it
  /// ends where user code may run, under no lock, and what it owned may call the store when it goes.
  [[nodiscard]] Ticket begin(std::shared_ptr<const void> keep);
  /// The operation ended; `callback` runs at the next run(), unless the ticket is cancelled first: then, and only
  /// then, what begin() was given to keep is gone.
  void push(Ticket ticket, std::function<void()> callback);
  /// True: the ticket's callback has not begun, and never will. What it owned is destroyed here.
  bool cancel(Ticket ticket);
  void run();
  /// Makes fd() readable until the next run(), though no callback is due. Nothing before open().
  void poke() noexcept;
  /// Destroys all callbacks uncalled: their store is going.
  void discard_all();
  /// In a forked child: what was begun in the parent ends there; its tickets mean nothing here. `fd`, an eventfd,
  /// takes fd()'s number.
  [[nodiscard]] bool start_over(shm::UniqueFd fd);

 private:
  struct Due {
    Ticket ticket;
    std::function<void()> callback;
  };

  /// In one piece, so that a forked child can leave it as it is; see Connection::Traffic.
  struct State {
    std::mutex mutex;
    Ticket last = 0;                                                  // guarded by mutex, as all below
    std::unordered_map<Ticket, std::shared_ptr<const void>> pending;  // begun, neither called nor cancelled; -> keep
    std::vector<Due> due;  // no deque: an empty one needs memory, and discard_all() is a destructor's
  };

  shm::UniqueFd fd_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace dolium::detail
