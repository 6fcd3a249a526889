#include "shm/eviction/policy.h"

#include "shm/eviction/adaptive_policy.h"
#include "shm/eviction/fifo_policy.h"
#include "shm/eviction/lfu_policy.h"
#include "shm/eviction/lru_policy.h"

namespace dolium::shm {

std::unique_ptr<Policy> make_policy(EvictionPolicy policy, const PolicyView& view) {
  switch (policy) {
    case EvictionPolicy::lru: return std::make_unique<LruPolicy>(view.ledger);
    case EvictionPolicy::lfu: return std::make_unique<LfuPolicy>(view.ledger);
    case EvictionPolicy::fifo: return std::make_unique<FifoPolicy>(view.ledger);
    case EvictionPolicy::adaptive: return std::make_unique<AdaptivePolicy>(view);
  }
  return nullptr;
}

}  // namespace dolium::shm
