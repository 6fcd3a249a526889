#pragma once
// An index of its own, as a client has it mapped.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "shm/table/index_reader.h"
#include "shm/table/object_index.h"
#include "tests/shm/test_values.h"

namespace dolium::shm::test {

struct IndexFixture {
  explicit IndexFixture(std::uint32_t slots, Mapping::Mode mode = Mapping::Mode::read_only)
      : index(ObjectIndex::create(slots, 1 << 20).value()),
        mapping(index.segment().map(mode).value()),
        reader(IndexReader::open(mapping.data(), mapping.size()).value()) {}

  SlotIndex put(const ObjectId& id, std::uint64_t offset = 0) {
    const SlotIndex slot = index.take().value();
    index.write(slot, {id, offset, 100 + offset, 7, 9});
    index.publish(slot, id);
    return slot;
  }
  void remove(SlotIndex slot) {
    index.begin_retire(slot);
    index.unlink(slot);
    index.release(slot);
  }

  ObjectIndex index;
  Mapping mapping;
  IndexReader reader;
};

/// Ids that share the bucket of id_of(0).
[[nodiscard]] inline std::vector<ObjectId> colliding_ids(std::size_t count, std::uint32_t bucket_count) {
  std::vector<ObjectId> ids;
  for (std::uint64_t n = 0; ids.size() < count; ++n)
    if (bucket_of(id_of(n), bucket_count) == bucket_of(id_of(0), bucket_count)) ids.push_back(id_of(n));
  return ids;
}

}  // namespace dolium::shm::test
