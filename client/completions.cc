#include "client/completions.h"

#include <sys/eventfd.h>

#include <algorithm>

#include "shm/system_error.h"

namespace dolium::detail {

Result<void> Completions::open() {
  fd_ = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd_.valid()) return shm::system_error("make an eventfd for callbacks");
  return {};
}

Completions::Ticket Completions::begin(std::shared_ptr<const void> keep) {
  const std::lock_guard lock(mutex_);
  pending_.emplace(++last_, std::move(keep));
  return last_;
}

void Completions::push(Ticket ticket, std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  if (!pending_.contains(ticket)) return;
  due_.push_back({ticket, std::move(callback)});
  // Fails only when the counter is full, and then the descriptor is readable already.
  static_cast<void>(::eventfd_write(fd_.get(), 1));
}

bool Completions::cancel(Ticket ticket) {
  decltype(pending_)::node_type keep;  // destroyed after the lock is gone, as the next
  std::function<void()> unused;
  const std::lock_guard lock(mutex_);
  keep = pending_.extract(ticket);
  if (keep.empty()) return false;
  const auto due = std::ranges::find(due_, ticket, &Due::ticket);
  if (due != due_.end()) unused.swap(due->callback);
  return true;
}

void Completions::discard_all() {
  decltype(pending_) kept;
  std::deque<Due> unused;
  const std::lock_guard lock(mutex_);
  kept.swap(pending_);
  unused.swap(due_);
}

void Completions::poke() noexcept {
  if (fd_.valid()) static_cast<void>(::eventfd_write(fd_.get(), 1));
}

void Completions::run() {
  std::deque<Due> due;
  {
    const std::lock_guard lock(mutex_);
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(fd_.get(), &count));  // EAGAIN: it was not readable, and is not now
    due.swap(due_);
  }
  for (Due& each : due) {
    decltype(pending_)::node_type keep;
    {
      const std::lock_guard lock(mutex_);
      keep = pending_.extract(each.ticket);
    }
    if (!keep.empty()) each.callback();  // else it was cancelled while it was due
  }
}

}  // namespace dolium::detail
