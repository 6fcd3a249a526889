// The catalogue: which records the spill process has, when its session begins. See tier.h.
//
// Two cases. A new store makes a spilled object of each record. A store that has done so, in this server's time or an
// earlier one's, knows its objects: a record that no row names is dropped, and a row whose record is missing is dirty
// again, or lost.

#include <algorithm>

#include "daemon/tier/tier.h"
#include "protocol/convert.h"

namespace dolium::daemon {
namespace {

using shm::SlotIndex;

/// Maximum size of a record's type name and label. Their bytes are on disk.
constexpr std::string_view kUnknown =
    "                                                                                                                "
    "                                                                                                                "
    "                                                                                                                ";
static_assert(kUnknown.size() >= kMaxTypeName && kUnknown.size() >= kMaxLabel);

/// What is left of its time to live; nothing if it is over.
std::optional<std::chrono::milliseconds> left_to_live(const protocol::TierRecord& record,
                                                      std::chrono::system_clock::time_point wall) {
  const std::chrono::milliseconds given = protocol::from_ms(record.time_to_live_ms());
  if (record.expires_at_ns() == 0 || given.count() == 0) return given;
  const std::chrono::nanoseconds ends(record.expires_at_ns());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(ends - wall.time_since_epoch());
  if (left.count() <= 0) return std::nullopt;
  return std::min(left, given);  // the clock may have been set
}

using Records = flatbuffers::Vector<const protocol::TierRecord*>;
/// Number of records whose look-ups are prefetched together.
constexpr flatbuffers::uoffset_t kPrefetched = 64;

void prefetch(const shm::Rows& rows, const Records& records, flatbuffers::uoffset_t begin) {
  std::vector<ObjectId> ids;
  ids.reserve(kPrefetched);
  for (auto i = begin; i < std::min(begin + kPrefetched, records.size()); ++i)
    ids.push_back(protocol::from_wire(records.Get(i)->id()));
  rows.index.prefetch(ids);
}

bool is_possible(const protocol::TierRecord& record, const shm::Rows& rows) {
  return record.location() != 0 && record.data_size() <= rows.config.capacity &&
         record.metadata_size() <= kMaxMetadata && record.type_name_size() <= kMaxTypeName &&
         record.label_size() <= kMaxLabel;
}

}  // namespace

Result<protocol::TierCatalogueReplyT> Tier::catalogue(shm::ClientId client,
                                                      const protocol::TierCatalogueRequest& request,
                                                      const shm::Moment& now) {
  if (auto ours = check(client); !ours) return std::move(ours).error();
  if (catalogued_) return Error{Errc::protocol_error, "a second catalogue of the spill tier"};
  protocol::TierCatalogueReplyT reply;
  const Records* records = request.records();
  for (flatbuffers::uoffset_t i = 0; records != nullptr && i < records->size(); ++i) {
    if (i % kPrefetched == 0) prefetch(store_.rows(), *records, i);
    const Result<bool> taken = take_record(*records->Get(i), now);
    if (!taken) return taken.error();
    if (!*taken) reply.dropped.push_back(i);
  }
  if (request.last()) end_catalogue(reply, now.monotonic);
  return reply;
}

/// False: the store does not have this record.
Result<bool> Tier::take_record(const protocol::TierRecord& record, const shm::Moment& now) {
  const SlotIndex slot = store_.rows().find(protocol::from_wire(record.id()));
  if (slot == shm::kNoSlot) return rows_are_truth_ ? Result<bool>(false) : adopt(record, now);
  const shm::SlotMargin& margin = store_.rows().margin(slot);
  const bool same = margin.kept && margin.clean && store_.rows().ledger.spill(slot).location == record.location();
  if (same) seen_[slot] = true;
  return same;
}

Result<bool> Tier::adopt(const protocol::TierRecord& record, const shm::Moment& now) {
  const auto to_live = left_to_live(record, now.wall);
  if (!to_live || !is_possible(record, store_.rows())) return false;
  const shm::NewObject object = {.id = protocol::from_wire(record.id()),
                                 .data_size = record.data_size(),
                                 .metadata_size = record.metadata_size(),
                                 .type_tag = record.type_tag(),
                                 .type_name = kUnknown.substr(0, record.type_name_size()),
                                 .lifetimes = {*to_live, protocol::from_ms(record.time_to_idle_ms())},
                                 .label = kUnknown.substr(0, record.label_size()),
                                 .retention = Retention::keep};
  const Result<SlotIndex> slot =
      store_.room().adopt_record({.object = object, .location = record.location(), .uid = record.uid()}, now.monotonic);
  if (!slot) return slot.error();
  seen_[*slot] = true;
  return true;
}

void Tier::end_catalogue(protocol::TierCatalogueReplyT& reply, shm::TimeNs now) {
  const shm::Rows& rows = store_.rows();
  for (SlotIndex slot = 0; slot < rows.index.slots_touched(); ++slot) {
    const shm::SlotMargin& margin = rows.margin(slot);
    if (margin.state != shm::SlotState::sealed || !margin.kept || !margin.clean || seen_[slot]) continue;
    if (rows.is_spilled(slot)) {
      store_.sealed().retire(slot, RemovalCause::lost);
      ++reply.lost;
    } else {
      store_.spill().forget_record(slot);
      ++reply.dirty;
    }
  }
  seen_ = {};
  catalogued_ = true;
  store_.spill().state().tier_catalogued = true;
  next_plan_ = next_write_ = now;
}

/// The directory is gone. What is still in memory is written again when there is one. The old records are dropped, in
/// case they come back.
void Tier::distrust_records() {
  const shm::Rows& rows = store_.rows();
  for (SlotIndex slot = 0; slot < rows.index.slots_touched(); ++slot) {
    const shm::SlotMargin& margin = rows.margin(slot);
    if (margin.state != shm::SlotState::sealed || !margin.kept || !margin.clean || rows.is_spilled(slot)) continue;
    drops_.push_back({rows.fields(slot).id, rows.ledger.spill(slot).location, rows.sealed_at(slot)});
    store_.spill().forget_record(slot);
  }
}

}  // namespace dolium::daemon
