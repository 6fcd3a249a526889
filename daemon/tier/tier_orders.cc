// What operators ask of the tier: orders for its process, one at a time; and to forget a disk that is dead. See tier.h.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/tier/tier.h"
#include "protocol/convert.h"
#include "shm/os/milliseconds.h"

namespace dolium::daemon {
namespace {

using protocol::TierOrderKind;

const char* word_for(TierOrderKind kind) {
  switch (kind) {
    case TierOrderKind::verify: return "verify";
    case TierOrderKind::compact: return "compact";
    case TierOrderKind::forget: break;
  }
  return "forget";
}

}  // namespace

Result<protocol::SpillOrderReplyT> Tier::order(const protocol::SpillOrderRequest& request, shm::TimeNs now) {
  if (request.number() != 0) return progress_of(request, now);
  if (request.kind() > TierOrderKind::compact)  // to forget takes more: see forget()
    return Error{Errc::invalid_argument, "the daemon does not know this order for the spill tier: it is an older one"};
  if (!catalogued_)
    return Error{Errc::tier_unavailable, fmt::format("the spill tier cannot {} its directory: it is {}",
                                                     word_for(request.kind()), state_text())};
  if (order_ && !order_->finished)
    return Error{Errc::already_exists,
                 fmt::format("the spill tier carries out one order at a time: a {} began {} s ago, and has read {} "
                             "records; wait for its end",
                             word_for(order_->kind), (now - order_->begun) / 1'000'000'000, order_->records)};
  order_.emplace(Order{.number = ++last_number_, .kind = request.kind(), .begun = now});
  return progress_of(request, now);
}

Result<protocol::SpillOrderReplyT> Tier::progress_of(const protocol::SpillOrderRequest& request,
                                                     shm::TimeNs now) const {
  if (!order_ || (request.number() != 0 && request.number() != order_->number))
    return Error{Errc::tier_unavailable,
                 "the spill process or the server has restarted since this order: repeat the order"};
  protocol::SpillOrderReplyT reply;
  reply.number = order_->number;
  reply.finished = order_->finished;
  reply.records = order_->records;
  reply.bytes = order_->bytes;
  reply.error = order_->error;
  reply.damaged_count = order_->damaged_count;
  reply.age_ms = static_cast<std::uint64_t>(shm::to_ms(now - std::min(now, order_->begun)).count());
  const std::vector<ObjectId>& damaged = order_->damaged;
  const std::size_t from = std::min<std::size_t>(request.damaged_from(), damaged.size());
  for (std::size_t i = from; i < std::min(damaged.size(), from + kDamagedPerReply); ++i)
    reply.damaged.push_back(protocol::to_wire(damaged[i]));
  return reply;
}

/// The order that the process has not been told yet.
void Tier::add_order(protocol::TierWorkNoticeT& work) {
  if (!order_ || std::exchange(order_->sent, true)) return;
  work.orders.emplace_back(order_->number, order_->kind);
}

Result<void> Tier::carried_out(shm::ClientId client, const protocol::TierOrderDoneRequest& done) {
  if (auto ours = check(client); !ours) return ours;
  if (done.number() > last_number_)
    return Error{Errc::protocol_error, "an answer to an order that the server did not give"};
  if (!order_ || order_->number != done.number() || order_->finished) return {};  // forget() took its place
  order_->records = done.records();
  order_->bytes = done.bytes();
  order_->finished = done.finished();
  order_->error = protocol::from_wire(done.error());
  const bool forgotten = order_->kind == TierOrderKind::forget && done.finished() && order_->error.empty();
  if (forgotten) std::ranges::fill(store_.spill().state().tier_directory, 0);  // it begins anew, perhaps with another
  if (done.damaged() == nullptr) return {};
  for (const protocol::Id* each : *done.damaged()) {
    const ObjectId id = protocol::from_wire(*each);
    ++order_->damaged_count;
    if (order_->damaged.size() < kMaxDamaged) order_->damaged.push_back(id);
    const shm::SlotIndex slot = store_.rows().find(id);
    if (slot != shm::kNoSlot && is_clean_in_memory(slot)) forget_record(slot);  // it is written again
  }
  return {};
}

bool Tier::is_clean_in_memory(shm::SlotIndex slot) const {
  const shm::SlotMargin& margin = store_.rows().margin(slot);
  return margin.kept && margin.clean && !store_.rows().is_spilled(slot);
}

/// A clean object is dirty again, and its record of no use.
void Tier::forget_record(shm::SlotIndex slot) {
  const shm::Rows& rows = store_.rows();
  if (client_ != 0) drops_.push_back({rows.fields(slot).id, rows.ledger.spill(slot).location, rows.sealed_at(slot)});
  store_.spill().forget_record(slot);
}

/// A process that is there gets the order, too: it frees the disk, if it can, and begins anew with its directory. Else
/// another directory may come.
protocol::ForgetSpilledReplyT Tier::forget(const protocol::ForgetSpilledRequest& request, shm::TimeNs now) {
  const shm::Rows& rows = store_.rows();
  protocol::ForgetSpilledReplyT reply;
  reply.through = request.cursor() == 0 ? rows.last_seal : request.through();
  reply.next_cursor = rows.for_sealed_piece(request.cursor(), reply.through, [&](shm::SlotIndex slot) {
    if (!rows.margin(slot).kept) return false;
    if (!rows.is_spilled(slot)) {  // dirty, perhaps since its directory has gone
      ++reply.dirty_count;
      const bool is_clean = rows.margin(slot).clean;
      if (is_clean) forget_record(slot);
      return is_clean;
    }
    const shm::SlotFields object = rows.fields(slot);
    ++reply.lost_count;
    reply.lost_bytes += object.data_size + object.metadata_size;
    store_.sealed().retire(slot, RemovalCause::lost);
    return true;
  });
  if (reply.next_cursor != 0) return reply;
  if (client_ != 0)
    order_.emplace(Order{.number = ++last_number_, .kind = TierOrderKind::forget, .begun = now});
  else
    std::ranges::fill(store_.spill().state().tier_directory, 0);
  next_plan_ = next_write_ = 0;
  return reply;
}

}  // namespace dolium::daemon
