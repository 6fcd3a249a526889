#pragma once
// A store is killed at every store instruction of an operation, and another goes on with its memory.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/shm/crash_points.h"
#include "tests/shm/store_fixture.h"

namespace dolium::shm::test {

/// Few slots: their tables are a page each, and copied often.
inline const StoreConfig kSmall = {.capacity = 64 * kKiB, .max_objects = 32};

/// All that is told of the sealed objects.
[[nodiscard]] inline std::map<ObjectId, std::string> objects_of(Store& store, TimeNs now) {
  std::vector<ObjectMetadata> listed;
  const Moment moment{now, std::chrono::system_clock::time_point(std::chrono::nanoseconds(now))};
  std::uint32_t cursor = 0;
  do cursor = store.report().list(cursor, moment, listed);
  while (cursor != 0);
  std::map<ObjectId, std::string> out;
  for (const ObjectMetadata& object : listed) {
    if (object.state != ObjectState::sealed) continue;
    const SlotFields fields = store.rows().fields(store.rows().find(object.id));
    out[object.id] = fmt::format(
        "{} bytes at {}, of type {} and label {}, pinned {}, grace {}, lives {} idle {}, sealed {}, by {}, held {}",
        object.data_size, fields.offset, object.type_name, object.label, object.is_pinned, object.grace_left.count(),
        object.time_to_live.count(), object.time_to_idle.count(), object.sealed_at.time_since_epoch().count(),
        object.creator_pid, object.ref_count);
  }
  return out;
}

/// What a process may still read or write: nobody else may be given any of it.
struct Lease {
  std::uint64_t offset;
  std::uint64_t bytes;
};

/// So large that all slots together fill the arena.
inline constexpr std::uint64_t kFill = 2 * kKiB;

/// Fills what is free, and evicts what may be: nothing that is given is anybody's.
inline void use_up(Store& store, const std::vector<Lease>& leases, TimeNs now) {
  const ClientId user = store.attach({.pid = 99, .uid = 99}, now).value();
  for (std::uint64_t number = 0;; ++number) {
    const auto placed = store.create_object(user, {.id = id_of(1'000'000 + number), .data_size = kFill}, now);
    if (!placed) break;
    for (const Lease& lease : leases)
      REQUIRE((placed->offset + kFill <= lease.offset || placed->offset >= lease.offset + lease.bytes));
    REQUIRE(store.seal(user, id_of(1'000'000 + number), ++now));
    if (number >= kSmall.max_objects) break;
  }
  store.check_invariants();
  store.detach(user, now);
}

/// Runs `operation`, and recovers from each of its points: whatever was there before and after it is there; what
/// comes or goes with it may be.
inline std::size_t kill_everywhere(StoreFixture& fixture, const std::vector<ClientId>& clients,
                                   const std::vector<Lease>& leases, const std::function<void()>& operation) {
  const auto before = objects_of(fixture.store, fixture.now);
  const std::vector<Image> images = images_during(fixture.store, operation);
  const auto after = objects_of(fixture.store, fixture.now);
  for (std::size_t i = 0; i < images.size(); ++i) {
    CAPTURE(i, images.size());
    const auto store = recovered(fixture.store, images[i], clients, fixture.now);
    store->check_invariants();
    CHECK(store->recovery().damaged == 0);
    const auto found = objects_of(*store, fixture.now);
    for (const auto& [id, told] : found) {
      const bool was = before.contains(id) && before.at(id) == told;
      const bool will = after.contains(id) && after.at(id) == told;
      REQUIRE((was || will));
    }
    for (const auto& [id, told] : before)
      if (after.contains(id)) REQUIRE(found.contains(id));
    use_up(*store, leases, fixture.now);
  }
  return images.size();
}

}  // namespace dolium::shm::test
