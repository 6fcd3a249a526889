#pragma once
// LfuPolicy: the least frequently used object first; of those with equal hits, the one that was sealed first.

#include "shm/eviction/policy.h"

namespace dolium::shm {

class LfuPolicy final : public Policy {
 public:
  explicit LfuPolicy(const Ledger& ledger) noexcept : ledger_(ledger) {}
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override {
    return {ledger_.hit_row(slot).hits, ledger_.row(slot).sealed};
  }

  [[nodiscard]] bool counts_hits() const noexcept override { return true; }

 private:
  const Ledger& ledger_;
};

}  // namespace dolium::shm
