#include "client/fork_handlers.h"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace dolium::detail {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<ForkFollower*> followers;  // guarded by mutex
  std::vector<const void*> abandoned;    // likewise
};

constinit Registry* registry = nullptr;  // null until somebody follows; a child has another than its parent
constinit std::mutex turn;               // of the threads that fork
constinit std::vector<ForkFollower*>* taking_part = nullptr;  // in the fork that is going on; guarded by turn

void prepare() {
  turn.lock();
  {
    const std::lock_guard lock(registry->mutex);
    std::ranges::copy_if(registry->followers, std::back_inserter(*taking_part), &ForkFollower::keep);
  }
  const protocol::Deadline deadline = protocol::deadline_after(kForkPatience);
  for (ForkFollower* follower : *taking_part) follower->before_fork(deadline);
}

void in_parent() {
  for (ForkFollower* follower : *taking_part) follower->in_parent();
  taking_part->clear();
  turn.unlock();
}

void in_child() {
  Registry* const of_parent = registry;
  registry = new Registry;
  registry->abandoned.push_back(of_parent);
  for (ForkFollower* follower : *taking_part) {
    follow_forks(*follower);  // first: it may be destroyed in its own call
    if (!follower->in_child()) forget(*follower);
  }
  taking_part->clear();
  turn.unlock();
}

void install() {
  registry = new Registry;
  taking_part = new std::vector<ForkFollower*>;
  // Fails only for want of memory. Then nobody follows, and children are told that they did not.
  static_cast<void>(::pthread_atfork(prepare, in_parent, in_child));
}

}  // namespace

void follow_forks(ForkFollower& follower) {
  static std::once_flag once;
  std::call_once(once, install);
  const std::lock_guard lock(registry->mutex);
  registry->followers.push_back(&follower);
}

void forget(ForkFollower& follower) noexcept {
  const std::lock_guard lock(registry->mutex);
  std::erase(registry->followers, &follower);
}

void abandon_to_parent(const void* what) {
  const std::lock_guard lock(registry->mutex);
  registry->abandoned.push_back(what);
}

}  // namespace dolium::detail
