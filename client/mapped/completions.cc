#include "client/mapped/completions.h"

#include <sys/eventfd.h>

#include <algorithm>

#include "client/fork/fork_handlers.h"
#include "shm/os/system_error.h"

namespace dolium::detail {

Result<void> Completions::open() {
  fd_ = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd_.valid()) return shm::system_error("make an eventfd for callbacks");
  return {};
}

Completions::Ticket Completions::begin(std::shared_ptr<const void> keep) {
  const std::lock_guard lock(state_->mutex);
  state_->pending.emplace(++state_->last, std::move(keep));
  return state_->last;
}

void Completions::push(Ticket ticket, std::function<void()> callback) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->pending.contains(ticket)) return;
  state_->due.push_back({ticket, std::move(callback)});
  // Fails only when the counter is full, and then the descriptor is readable already.
  static_cast<void>(::eventfd_write(fd_.get(), 1));
}

bool Completions::cancel(Ticket ticket) {
  decltype(State::pending)::node_type keep;  // destroyed after the lock is gone, as the next
  std::function<void()> unused;
  const std::lock_guard lock(state_->mutex);
  keep = state_->pending.extract(ticket);
  if (keep.empty()) return false;
  const auto due = std::ranges::find(state_->due, ticket, &Due::ticket);
  if (due != state_->due.end()) unused.swap(due->callback);
  return true;
}

void Completions::discard_all() {
  decltype(State::pending) kept;
  std::vector<Due> unused;
  const std::lock_guard lock(state_->mutex);
  kept.swap(state_->pending);
  unused.swap(state_->due);
}

bool Completions::start_over(shm::UniqueFd fd) {
  auto fresh = std::make_unique<State>();
  fresh->last = state_->last;  // no ticket of the parent's will ever be one of ours
  abandon_to_parent(state_.release());
  state_ = std::move(fresh);
  return fd_.replace_by(std::move(fd));
}

void Completions::poke() noexcept {
  if (fd_.valid()) static_cast<void>(::eventfd_write(fd_.get(), 1));
}

void Completions::run() {
  std::vector<Due> due;
  {
    const std::lock_guard lock(state_->mutex);
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(fd_.get(), &count));  // EAGAIN: it was not readable, and is not now
    due.swap(state_->due);
  }
  for (Due& each : due) {
    decltype(State::pending)::node_type keep;
    {
      const std::lock_guard lock(state_->mutex);
      keep = state_->pending.extract(each.ticket);
    }
    if (!keep.empty()) each.callback();  // else it was cancelled while it was due
  }
}

}  // namespace dolium::detail
