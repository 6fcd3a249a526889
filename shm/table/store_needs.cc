#include "shm/table/store_needs.h"

#include <algorithm>

#include "shm/table/index_layout.h"
#include "shm/table/ledger.h"
#include "shm/table/pin_table.h"

namespace dolium::shm {
namespace {

constexpr std::uint64_t kMinObjects = 1024;
constexpr std::uint64_t kBytesPerObject = 1024;

}  // namespace

std::uint32_t objects_for(const StoreConfig& config) noexcept {
  if (config.max_objects != 0) return config.max_objects;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(config.capacity / kBytesPerObject, kMinObjects, kMaxObjects));
}

StoreNeeds StoreNeeds::of(const StoreConfig& config) noexcept {
  StoreNeeds needs;
  const std::uint32_t objects = objects_for(config);
  const IndexGeometry index = IndexGeometry::for_slots(objects);
  const std::uint64_t row = sizeof(LedgerRow) + (config.eviction_policy == EvictionPolicy::lfu ? sizeof(HitRow) : 0);
  needs.capacity = config.capacity;
  needs.max_objects = objects;
  needs.first_books = index.slots_at;
  needs.books = index.total_bytes + objects * (row + kRecordsPerObject);
  needs.pin_tables = kClients * PinTableGeometry::for_slots(objects).total_bytes;
  return needs;
}

std::uint64_t largest_capacity_within(std::uint64_t bytes, StoreConfig config) noexcept {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  std::uint64_t fits = 0;  // MiB
  for (std::uint64_t step = std::uint64_t{1} << 40; step != 0; step /= 2) {
    config.capacity = (fits + step) * kMiB;
    if (fits + step <= bytes / kMiB && StoreNeeds::of(config).most() <= bytes) fits += step;
  }
  return fits * kMiB;
}

}  // namespace dolium::shm
