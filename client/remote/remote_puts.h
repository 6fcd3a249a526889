#pragma once
// Puts of small objects: one with an answer, many with one answer a batch, and deferred ones, whose answer is only
// asked for by flush(). Their bytes travel inside the message, or, where there are many, are written to a lease.

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
/// What deferred puts have not used of theirs; false when there was none. Not in a forked child that could not follow.
bool give_back_lease(Connection& connection) noexcept;
/// Asks for room by `ask`. What the client has leased itself does not stand in the way: where that waits it is given
/// back before, else when there was no room.
template <class Ask>
[[nodiscard]] auto ask_for_room(Connection& connection, Timeout timeout, Ask&& ask) -> decltype(ask()) {
  if (!timeout.is_no_wait()) give_back_lease(connection);
  auto answer = ask();
  if (answer || answer.error().code != Errc::out_of_memory || !give_back_lease(connection)) return answer;
  return ask();
}

}  // namespace dolium::detail
