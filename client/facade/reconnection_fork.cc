// What a Reconnection does around fork(): see reconnection.h.

#include <new>
#include <utility>

#include "client/facade/reconnection.h"

namespace dolium::detail {

bool Reconnection::keep() noexcept {
  kept_ = weak_from_this().lock();
  return kept_ != nullptr;
}

void Reconnection::before_fork(protocol::Deadline) noexcept {
  try {
    childs_ = std::make_unique<State>();
    if (Result<Descriptors> made = Descriptors::make()) childs_descriptors_ = *std::move(made);
  } catch (const std::bad_alloc&) {  // then the child has no events; the process goes on
    childs_.reset();
  }
  state_->mutex.lock();
}

void Reconnection::in_parent() noexcept {
  state_->mutex.unlock();
  childs_.reset();
  childs_descriptors_.reset();
  const std::shared_ptr<Reconnection> last = std::move(kept_);  // may be the last reference
}

bool Reconnection::in_child() noexcept {
  const bool follows = childs_ != nullptr;
  if (follows) {
    childs_->client = std::move(state_->client);
    if (state_->watched == childs_->client) state_->watched.reset();
    childs_->number = state_->number;
    childs_->forks = state_->forks + 1;
    abandon_to_parent(state_.release());
    state_ = std::move(childs_);
  } else {
    state_->mutex.unlock();
  }
  // Without descriptors of its own the child has no events: a change of shared ones would affect the parent.
  if (!childs_descriptors_ || !descriptors_.poll.replace_by(std::move(childs_descriptors_->poll)) ||
      !descriptors_.wake.replace_by(std::move(childs_descriptors_->wake)) ||
      !descriptors_.timer.replace_by(std::move(childs_descriptors_->timer)))
    descriptors_ = {};
  childs_descriptors_.reset();
  const std::shared_ptr<Reconnection> last = std::move(kept_);
  return follows;
}

}  // namespace dolium::detail
