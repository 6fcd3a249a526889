// What an episode checks of the spill tier. See episode.h.

#include <algorithm>
#include <catch2/catch.hpp>

#include "protocol/convert.h"
#include "tests/e2e/payload.h"
#include "tests/simulation/episode.h"

namespace dolium::simulation {

/// The tier plans at its own times. False: it has nothing to do.
bool Episode::wait_for_disk() {
  if (!spiller_) return false;
  const shm::TimeNs next = server_.tier().next_deadline(now());
  if (next == shm::kNever) return false;
  if (next > now()) let_pass(next - now());
  return true;
}

/// When all that is held is let go of, what is on disk alone can be read back.
void Episode::check_reads() {
  const StoreStats now_there = stats();
  if (now_there.pinned_count + now_there.graced_count + now_there.unsealed_count + now_there.quarantined_count != 0)
    return;
  REQUIRE(now_there.reading_count == 0);
  for (const auto& client : clients_) REQUIRE_FALSE(client->waits_for_disk());
}

/// What the store calls clean or spilled is on the disk. There is nothing else.
void Episode::check_disk() {
  const shm::Rows& rows = server_.store().rows();
  std::size_t expected = 0;
  for (shm::SlotIndex slot = 0; slot < rows.index.slots_touched(); ++slot) {
    const shm::SlotMargin& margin = rows.margin(slot);
    if (margin.state != shm::SlotState::sealed || !margin.kept || !margin.clean) continue;
    const auto record = spiller_->disk().find(rows.ledger.spill(slot).location);
    REQUIRE(record != spiller_->disk().end());
    const shm::SlotFields object = rows.fields(slot);
    REQUIRE(protocol::from_wire(record->second.head.id()) == object.id);
    REQUIRE(record->second.bytes.size() == rows.size_of(slot));
    REQUIRE(e2e::is_payload(record->second.bytes, object.id));
    if (!rows.is_spilled(slot)) REQUIRE(std::ranges::equal(record->second.bytes, rows.bytes(slot)));
    ++expected;
  }
  REQUIRE(spiller_->disk().size() == expected);
}

/// The host dies, and a new store makes its objects of the disk.
void Episode::check_another_store() {
  World world(world_.random());
  StoreConfig config = server_.store().rows().config;
  fuzz::MiniServer server(config);
  Spiller spiller(world, server, Flaw::none, spiller_->disk());
  const shm::Rows& rows = server.store().rows();
  std::size_t found = 0;
  for (const auto& [location, record] : spiller_->disk()) {
    const shm::SlotIndex slot = rows.find(protocol::from_wire(record.head.id()));
    const std::int64_t expires = record.head.expires_at_ns();
    if (expires != 0 && expires <= static_cast<std::int64_t>(now())) {
      REQUIRE(slot == shm::kNoSlot);
      continue;
    }
    REQUIRE(slot != shm::kNoSlot);
    REQUIRE(rows.is_spilled(slot));
    REQUIRE(rows.ledger.spill(slot).location == location);
    ++found;
  }
  REQUIRE(server.engine().stats(now()).total_objects == found);
  server.store().check_invariants();
  figures_.found_again += found;
}

}  // namespace dolium::simulation
