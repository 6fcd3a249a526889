#include "client/fork/fork_handlers.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace dolium::detail {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<ForkFollower*> followers;  // guarded by mutex, as all below
  std::vector<const void*> abandoned;
  /// The next child's registry, with room for all followers. It is made when a follower is added, because that call may
  /// fail for want of memory. While a fork is under way, the fork owns it.
  std::unique_ptr<Registry> childs;
};

constinit Registry* registry = nullptr;  // null until the first follower; a child has another one than its parent
constinit std::mutex turn;               // held by the thread that forks
constinit Registry* childs = nullptr;    // its followers take part in the fork that is under way; guarded by turn

/// Under the mutex, or in a process with one thread.
void provide_for_child(Registry& of_parent, std::size_t followers) {
  if (of_parent.childs != nullptr && of_parent.childs->followers.capacity() >= followers) return;
  auto next = std::make_unique<Registry>();
  next->followers.reserve(2 * followers);
  of_parent.childs = std::move(next);
}

/// For a child whose parent had no memory for a registry: it has no followers, and children are told why.
Registry* last_resort() noexcept {
  alignas(Registry) static std::array<std::byte, sizeof(Registry)> memory;
  return new (memory.data()) Registry;
}

void prepare() {
  turn.lock();
  {
    const std::lock_guard lock(registry->mutex);
    try {
      provide_for_child(*registry, registry->followers.size());
    } catch (const std::bad_alloc&) {
      return;  // a child whose parent's fork was the last one that had memory
    }
    childs = registry->childs.release();
    std::ranges::copy_if(registry->followers, std::back_inserter(childs->followers), &ForkFollower::keep);
  }
  const protocol::Deadline deadline = protocol::deadline_after(kForkPatience);
  for (ForkFollower* follower : childs->followers) follower->before_fork(deadline);
}

void in_parent() {
  if (childs != nullptr) {
    for (ForkFollower* follower : childs->followers) follower->in_parent();
    childs->followers.clear();
    const std::lock_guard lock(registry->mutex);
    registry->childs.reset(std::exchange(childs, nullptr));
  }
  turn.unlock();
}

void in_child() {
  const Registry* const of_parent = registry;
  registry = childs != nullptr ? std::exchange(childs, nullptr) : last_resort();
  abandon_to_parent(of_parent);
  std::vector<ForkFollower*>& followers = registry->followers;
  for (std::size_t i = 0; i < followers.size();) {
    ForkFollower* const follower = followers[i];
    const bool follows = follower->in_child();
    if (i == followers.size() || followers[i] != follower) continue;  // it was destroyed in its own call
    if (follows)
      ++i;
    else
      forget(*follower);
  }
  try {
    provide_for_child(*registry, followers.size());
  } catch (const std::bad_alloc&) {  // prepare() tries again
    registry->childs.reset();
  }
  turn.unlock();
}

void install() {
  registry = new Registry;
  // Fails only for want of memory. Then there are no followers, and children are told why.
  static_cast<void>(::pthread_atfork(prepare, in_parent, in_child));
}

}  // namespace

void follow_forks(ForkFollower& follower) {
  static std::once_flag once;
  std::call_once(once, install);
  const std::lock_guard lock(registry->mutex);
  provide_for_child(*registry, registry->followers.size() + 1);
  registry->followers.push_back(&follower);
}

void forget(ForkFollower& follower) noexcept {
  const std::lock_guard lock(registry->mutex);
  std::erase(registry->followers, &follower);
}

void abandon_to_parent(const void* what) noexcept {
  const std::lock_guard lock(registry->mutex);
  try {
    registry->abandoned.push_back(what);
  } catch (const std::bad_alloc&) {
    return;  // only a leak checker looks there
  }
}

}  // namespace dolium::detail
