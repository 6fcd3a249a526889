#pragma once
// Policy: the order in which objects are evicted. Each policy has a file of its own; make_policy() is the list of all.

#include <compare>
#include <cstdint>
#include <memory>

#include <dolium/store_config.h>

#include "shm/os/basic_types.h"
#include "shm/table/ledger.h"

namespace dolium::shm {

/// The object with the smallest key is evicted first.
struct EvictionKey {
  std::uint64_t value;       ///< lru: time of the last access; lfu: hits; fifo: seal order
  std::uint64_t seal_order;  ///< unique; breaks ties
  friend auto operator<=>(const EvictionKey&, const EvictionKey&) = default;
};

class Policy {
 public:
  virtual ~Policy() = default;

  /// The recorded key. Cheap, and constant between two calls of Candidates::refresh() for the same slot. It never
  /// shrinks.
  [[nodiscard]] virtual EvictionKey key(SlotIndex slot) const = 0;
};

/// What policies read. It must outlive them.
struct PolicyView {
  const Ledger& ledger;
};

[[nodiscard]] std::unique_ptr<Policy> make_policy(EvictionPolicy policy, const PolicyView& view);

}  // namespace dolium::shm
