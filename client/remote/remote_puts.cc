#include "client/remote/remote_puts.h"

#include "client/remote/lease.h"
#include "client/remote/put_view.h"
#include "client/remote/remote_calls.h"

namespace dolium::detail {

Result<Object> remote_put(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                          const CreateOptions& options, bool hold) {
  PutView put = view(id, data, options);
  put.hold = hold;
  put.timeout_ns = to_wire(options.timeout);
  return ask_for_room(connection, options.timeout, [&] {
    Call call;
    call.ids.push_back(id);
    return connection.ask<protocol::PutReply>(put, call, [&](const protocol::PutReply&) -> Result<Object> {
      if (!hold || call.taken.empty() || !call.taken.front()) return Object();
      return *std::move(call.taken.front());
    });
  });
}

Result<void> remote_put_deferred(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                                 const CreateOptions& options) {
  const PutView put = view(id, data, options);
  connection.meet_successor();  // whose leases are others
  DeferredLease& own = connection.deferred_lease();
  const auto lock = own.lock();  // the daemon cuts them off in the order in which they are written
  Lease* const lease = own.place_for(put, connection);
  if (lease == nullptr) return connection.post_deferred(PutDeferredView{put});
  const std::span<const PutView> one(&put, 1);
  Result<void> posted = connection.post_deferred(lease->write(one, true));
  if (posted) lease->cut(one);
  lease->let_go(connection);
  return posted;
}

Result<std::vector<PutFailure>> remote_flush(Connection& connection) {
  static_cast<void>(give_back_lease(connection));
  if (auto settled = connection.settle_deferred(); !settled) return std::move(settled).error();
  return connection.take_put_failures();
}

bool give_back_lease(Connection& connection) noexcept {
  if (!connection.deferred_lease().is_out()) return false;
  const auto lock = connection.deferred_lease().lock();
  connection.deferred_lease().give_back(connection);
  return true;
}

}  // namespace dolium::detail
