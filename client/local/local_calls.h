#pragma once
// Operations of the in-process store that take more than one call of the engine.

#include <span>
#include <vector>

#include <dolium/object_store.h>

#include "client/local/local_engine.h"

namespace dolium::detail {

/// Waits for `count` of the objects, until the timeout. Returns those that are there, in the order of `ids`. Counts
/// hits and misses.
[[nodiscard]] Result<std::vector<std::optional<Object>>> local_wait(LocalEngine& local, std::span<const ObjectId> ids,
                                                                    std::size_t count, Timeout timeout);
/// `type_tag`: the only type that is taken; 0: any.
[[nodiscard]] Result<Object> local_take(LocalEngine& local, const ObjectId& id, std::uint64_t type_tag,
                                        Timeout timeout);
/// The object as the engine takes it. Any get ends its grace: all gets are of one session.
[[nodiscard]] shm::NewObject local_object(const ObjectId& id, std::uint64_t size,
                                          const CreateOptions& options) noexcept;
/// The builder that create() returns for a placement.
[[nodiscard]] ObjectBuilder local_builder(const std::shared_ptr<LocalEngine>& local, const shm::Placement& placed,
                                          const ObjectId& id, std::uint64_t size, std::span<const std::byte> metadata);
[[nodiscard]] Subscription local_subscription(const std::shared_ptr<LocalEngine>& local);

[[nodiscard]] AsyncHandle local_get_async(const std::shared_ptr<LocalEngine>& local, const ObjectId& id,
                                          Timeout timeout, ObjectStore::GetCallback done);
[[nodiscard]] AsyncHandle local_get_many_async(const std::shared_ptr<LocalEngine>& local, std::span<const ObjectId> ids,
                                               std::size_t count, Timeout timeout, ObjectStore::GetManyCallback done);
[[nodiscard]] AsyncHandle local_take_async(const std::shared_ptr<LocalEngine>& local, const ObjectId& id,
                                           Timeout timeout, ObjectStore::GetCallback done);
[[nodiscard]] AsyncHandle local_create_async(const std::shared_ptr<LocalEngine>& local, const ObjectId& id,
                                             std::uint64_t size, const CreateOptions& options,
                                             ObjectStore::CreateCallback done);
/// Has the callback run in the next process_events().
[[nodiscard]] AsyncHandle local_answer(const std::shared_ptr<LocalEngine>& local, std::function<void()> callback);

}  // namespace dolium::detail
