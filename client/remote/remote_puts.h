#pragma once
// Puts of small objects: one with a reply, many with one reply a batch, and deferred ones, whose outcome is only known
// after flush(). Their bytes travel inside the message, or, if there are many, are written to a lease.

#include <span>
#include <vector>

#include <dolium/client.h>

#include "client/remote/connection.h"

namespace dolium::detail {

/// put(): create, write and seal in one round trip. With `hold`, the object when it is still there.
[[nodiscard]] Result<Object> remote_put(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                                        const CreateOptions& options, bool hold);

/// put_many() of items that are all small: their outcomes are appended. Batches are under way while the next are made.
[[nodiscard]] Result<void> remote_put_many(Connection& connection, std::span<const PutItem> items,
                                           std::vector<Result<void>>& outcomes);

/// See ObjectStore::put_deferred() and ObjectStore::flush().
[[nodiscard]] Result<void> remote_put_deferred(Connection& connection, const ObjectId& id,
                                               std::span<const std::byte> data, const CreateOptions& options);
[[nodiscard]] Result<std::vector<PutFailure>> remote_flush(Connection& connection);
/// Gives back the lease of the deferred puts; false when there was none. Not in a forked child that could not follow.
bool give_back_lease(Connection& connection) noexcept;
/// Asks for room by calling `ask`. The client's own lease must not be in the way: it is given back before a call that
/// waits, and after a call that found no room, which is then repeated.
template <class Ask>
[[nodiscard]] auto ask_for_room(Connection& connection, Timeout timeout, Ask&& ask) -> decltype(ask()) {
  if (!timeout.is_no_wait()) give_back_lease(connection);
  auto answer = ask();
  if (answer || answer.error().code != Errc::out_of_memory || !give_back_lease(connection)) return answer;
  return ask();
}

}  // namespace dolium::detail
