// The spill tier, for operators: orders for its process, and a disk that is dead.

#include <dolium/client.h>

#include <utility>

#include "client/facade/store_call.h"

namespace dolium {

using detail::Connection;

namespace {

static_assert(static_cast<int>(protocol::TierOrderKind::verify) == static_cast<int>(SpillOrderKind::verify));
static_assert(static_cast<int>(protocol::TierOrderKind::compact) == static_cast<int>(SpillOrderKind::compact));

SpillOrder from_wire(const protocol::SpillOrderReply& reply) {
  SpillOrder order{.number = reply.number(),
                   .finished = reply.finished(),
                   .records = reply.records(),
                   .bytes = reply.bytes(),
                   .damaged_count = reply.damaged_count(),
                   .damaged = {},
                   .error = protocol::from_wire(reply.error()),
                   .age = protocol::from_ms(reply.age_ms())};
  if (reply.damaged() != nullptr)
    for (const protocol::Id* each : *reply.damaged()) order.damaged.push_back(protocol::from_wire(*each));
  return order;
}

/// For verbs that only a daemon has.
Error only_of_a_daemon() {
  return {Errc::tier_unavailable, "a store in this process has no spill tier"};
}

Result<SpillOrder> ask(detail::StoreBackend& backend, const protocol::SpillOrderRequestT& request) {
  return detail::change(
      backend,
      [&request](Connection& daemon) {
        return daemon.ask<protocol::SpillOrderReply>(
            request, [](const protocol::SpillOrderReply& reply) { return Result<SpillOrder>(from_wire(reply)); });
      },
      [](shm::Engine&, shm::TimeNs) -> Result<SpillOrder> { return only_of_a_daemon(); });
}

}  // namespace

Result<SpillOrder> Client::begin_spill_order(SpillOrderKind kind) {
  protocol::SpillOrderRequestT request;
  request.kind = static_cast<protocol::TierOrderKind>(kind);
  return ask(backend(), request);
}

Result<SpillOrder> Client::spill_order(std::uint64_t number, std::uint64_t damaged_from) {
  protocol::SpillOrderRequestT request;
  request.number = number;
  request.damaged_from = damaged_from;
  return ask(backend(), request);
}

Result<ForgottenSpill> Client::forget_spilled() {
  return detail::change(
      backend(),
      [](Connection& daemon) -> Result<ForgottenSpill> {
        ForgottenSpill forgotten;
        protocol::ForgetSpilledRequestT request;
        const Result<void> asked = detail::ask_pages<protocol::ForgetSpilledReply>(
            daemon, request, [&](const protocol::ForgetSpilledReply& reply) {
              request.through = reply.through();
              forgotten.lost_count += reply.lost_count();
              forgotten.lost_bytes += reply.lost_bytes();
              forgotten.dirty_count += reply.dirty_count();
            });
        if (!asked) return asked.error();
        return forgotten;
      },
      [](shm::Engine&, shm::TimeNs) -> Result<ForgottenSpill> { return only_of_a_daemon(); });
}

}  // namespace dolium
