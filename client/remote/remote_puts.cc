#include "client/remote/remote_puts.h"

#include "client/remote/lease.h"
#include "client/remote/put_view.h"
#include "client/remote/remote_calls.h"

namespace dolium::detail {

Result<Object> remote_put(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                          const CreateOptions& options, bool hold) {
  const PutView put = view(id, data, options);
  const PutsView request{.puts = {&put, 1}, .hold = hold, .timeout_ns = to_wire(options.timeout)};
  return ask_for_room(connection, options.timeout, [&] {
    Call call;
    call.ids.push_back(id);
    return connection.ask<protocol::PutReply>(request, call, [&](const protocol::PutReply& reply) -> Result<Object> {
      if (reply.failures() != nullptr && reply.failures()->size() != 0)
        return protocol::error_of(*reply.failures()->Get(0));
      if (!hold || call.taken.empty() || !call.taken.front()) return Object();
      return *std::move(call.taken.front());
    });
  });
}

Result<void> remote_put_deferred(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                                 const CreateOptions& options) {
  const PutView put = view(id, data, options);
  connection.meet_successor();  // a lease of the old server is of no use
  DeferredLease& own = connection.deferred_puts().lease();
  const auto lock = own.lock();  // the daemon cuts the puts off in the order in which they are written
  Lease* const lease = own.place_for(put, connection);
  connection.meet_successor();  // the lock may have been waited for
  const std::span<const PutView> one(&put, 1);
  if (lease == nullptr) return connection.deferred_puts().post(PutsView{.puts = one, .deferred = true});
  Result<void> posted = connection.deferred_puts().post(lease->write(one, true));
  if (posted) lease->cut(one);
  lease->let_go(connection);
  return posted;
}

Result<std::vector<PutFailure>> remote_flush(Connection& connection) {
  static_cast<void>(give_back_lease(connection));
  if (auto settled = connection.deferred_puts().settle(); !settled) return std::move(settled).error();
  return connection.deferred_puts().take_failures();
}

bool give_back_lease(Connection& connection) noexcept {
  DeferredLease& lease = connection.deferred_puts().lease();
  if (!lease.is_out()) return false;
  const auto lock = lease.lock();
  lease.give_back(connection);
  return true;
}

}  // namespace dolium::detail
