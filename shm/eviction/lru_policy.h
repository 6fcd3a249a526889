#pragma once
// LruPolicy: the least recently used object first.

#include "shm/eviction/policy.h"

namespace dolium::shm {

class LruPolicy final : public Policy {
 public:
  explicit LruPolicy(const Ledger& ledger) noexcept : ledger_(ledger) {}
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override {
    const LedgerRow& row = ledger_.row(slot);
    return {row.accessed, row.sealed};
  }

 private:
  const Ledger& ledger_;
};

}  // namespace dolium::shm
