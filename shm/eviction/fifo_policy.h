#pragma once
// FifoPolicy: the object that was sealed first is evicted first.

#include "shm/eviction/policy.h"

namespace dolium::shm {

class FifoPolicy final : public Policy {
 public:
  explicit FifoPolicy(const Ledger& ledger) noexcept : ledger_(ledger) {}
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override {
    const TimeNs sealed = ledger_.row(slot).sealed;
    return {sealed, sealed};
  }

 private:
  const Ledger& ledger_;
};

}  // namespace dolium::shm
