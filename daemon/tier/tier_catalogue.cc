// The catalogue: which records the spill process has, when its session begins. See tier.h.
//
// Two cases. A new store makes a spilled object of each record. A store that has done so, in this server's time or an
// earlier one's, knows its objects: a record that no row names is dropped, and a row whose record is missing is dirty
// again, or lost.

#include <algorithm>
#include <utility>

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

/// What one turn does of a walk: Tier::kPiecesPerTurn pieces, or fewer if it changes many objects. visit(slot) returns
/// whether it has changed the object. Returns whether the walk has ended.
template <class Walk, class Visit>
bool go_on(Walk& walk, const shm::Rows& rows, const Visit& visit) {
  std::uint32_t changed = 0;
  for (int piece = 0; piece < Tier::kPiecesPerTurn && changed < shm::kRemovalsPerPiece; ++piece) {
    walk.next = rows.for_sealed_piece(walk.next, walk.through, [&](SlotIndex slot) {
      const bool has_changed = visit(slot);
      changed += has_changed ? 1 : 0;
      return has_changed;
    });
    if (walk.next == 0) return true;
  }
  return false;
}

bool is_possible(const protocol::TierRecord& record, const shm::Rows& rows) {
  return record.location() != 0 && record.data_size() <= rows.config.capacity &&
         record.metadata_size() <= kMaxMetadata && record.type_name_size() <= kMaxTypeName &&
         record.label_size() <= kMaxLabel;
}

}  // namespace

Result<std::optional<protocol::TierCatalogueReplyT>> Tier::catalogue(shm::ClientId client, std::uint64_t number,
                                                                     const protocol::TierCatalogueRequest& request,
                                                                     const shm::Moment& now) {
  if (auto ours = check(client); !ours) return std::move(ours).error();
  if (catalogued_ || comparison_) return Error{Errc::protocol_error, "a second catalogue of the spill tier"};
  protocol::TierCatalogueReplyT reply;
  const Records* records = request.records();
  for (flatbuffers::uoffset_t i = 0; records != nullptr && i < records->size(); ++i) {
    if (i % kPrefetched == 0) prefetch(store_.rows(), *records, i);
    const Result<bool> taken = take_record(*records->Get(i), now);
    if (!taken) return taken.error();
    if (!*taken) reply.dropped.push_back(i);
  }
  if (!request.last()) return std::optional(std::move(reply));
  comparison_.emplace(Comparison{{store_.rows().last_seal}, number, std::move(reply)});
  store_.spill().trust_only(&seen_);  // until then, an object without a record would be lost with its memory
  return go_on_comparing(now.monotonic);
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

/// Some pieces. Returns whether all objects are compared. One that is sealed meanwhile has no record that could be
/// missing.
bool Tier::compare_rows() {
  const shm::Rows& rows = store_.rows();
  protocol::TierCatalogueReplyT& reply = comparison_->reply;
  return go_on(comparison_->walk, rows, [&](SlotIndex slot) {
    const shm::SlotMargin& margin = rows.margin(slot);
    if (!margin.kept || !margin.clean || seen_[slot]) return false;
    if (rows.is_spilled(slot)) {
      store_.sealed().retire(slot, RemovalCause::lost);
      ++reply.lost;
    } else {
      store_.spill().forget_record(slot);
      ++reply.dirty;
    }
    return true;
  });
}

/// Returns the reply to the last records, when all objects are compared.
std::optional<protocol::TierCatalogueReplyT> Tier::go_on_comparing(shm::TimeNs now) {
  if (!compare_rows()) return std::nullopt;
  protocol::TierCatalogueReplyT reply = std::move(comparison_->reply);
  comparison_.reset();
  store_.spill().trust_only(nullptr);
  seen_ = {};
  catalogued_ = true;
  store_.spill().state().tier_catalogued = true;
  next_plan_ = next_write_ = now;
  return reply;
}

/// The directory is gone: what is still in memory is written again when there is one. Or it is there again, and what
/// was not made dirty yet counts.
void Tier::distrust_records() {
  store_.spill().trust_records(!distrusted_);
  distrusting_.reset();
  if (distrusted_) distrusting_.emplace(Walk{store_.rows().last_seal});
  go_on_distrusting();
}

/// The records of objects that are made dirty are dropped, in case they come back.
void Tier::go_on_distrusting() {
  if (!distrusting_) return;
  const bool ended = go_on(*distrusting_, store_.rows(), [this](SlotIndex slot) {
    if (!is_clean_in_memory(slot)) return false;
    forget_record(slot);
    return true;
  });
  if (ended) distrusting_.reset();
}

}  // namespace dolium::daemon
