#pragma once
// A store with a spill tier, whose disk is a map in this process.

#include <map>
#include <string>

#include "tests/shm/store_fixture.h"

namespace dolium::shm::test {

inline const StoreConfig kSpilling = {.capacity = 64 * 1024, .max_objects = 32, .spill = true};

struct SpillFixture : StoreFixture {
  explicit SpillFixture(const StoreConfig& config = kSpilling) : StoreFixture(config), tier(attach()) {}

  /// A kept object, filled with its number.
  SlotIndex keep(std::uint64_t number, std::uint64_t size) {
    const NewObject object = {.id = id_of(number), .data_size = size, .retention = Retention::keep};
    const Placement placed = store.create_object(writer, object, now).value();
    fill(placed.offset, size, number);
    return store.seal(writer, object.id, ++now).value();
  }
  void fill(std::uint64_t offset, std::uint64_t size, std::uint64_t number) const {
    std::memset(store.rows().memory.bytes(offset, size).data(), static_cast<int>(number), size);
  }
  /// The record of an object is on disk.
  bool write(std::uint64_t number, std::uint64_t location) {
    const SlotIndex slot = store.rows().find(id_of(number));
    return store.sealed().written(slot, store.rows().sealed_at(slot), location);
  }
  /// keep(), written and spilled.
  SlotIndex spill(std::uint64_t number, std::uint64_t size) {
    const SlotIndex slot = keep(number, size);
    REQUIRE(write(number, 1000 + number));
    REQUIRE(store.sealed().evict_unused({slot}));
    REQUIRE(store.rows().is_spilled(slot));
    return slot;
  }
  /// The extent that it is read back to.
  std::uint64_t begin_reading(SlotIndex slot) { return store.room().begin_reading(slot, tier, now).value(); }
  void read_back(std::uint64_t number) {
    const SlotIndex slot = store.rows().find(id_of(number));
    const std::uint64_t offset = begin_reading(slot);
    fill(offset, store.rows().size_of(slot), number);
    store.sealed().end_reading(slot, now);
  }

  ClientId tier;
};

}  // namespace dolium::shm::test
