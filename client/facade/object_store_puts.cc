// The calls of ObjectStore that write. See object_store.cc.

#include <dolium/object_store.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "client/facade/store_call.h"
#include "client/mapped/new_object.h"
#include "client/remote/remote_calls.h"

namespace dolium {
namespace {

Result<void> without_value(const Result<Object>& done) {
  return done ? Result<void>() : Result<void>(done.error());
}

Result<Object> put_bytes(detail::StoreBackend& backend, const ObjectId& id, std::span<const std::byte> data,
                         const CreateOptions& options, bool hold) {
  if (data.size() <= kOneMessagePut) return backend.put(id, data, options, hold);
  return put_with_builder(backend, id, data, options, hold);
}

}  // namespace

Result<ObjectBuilder> ObjectStore::create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  if (auto allowed = check_create(id, options); !allowed) return std::move(allowed).error();
  return backend_->create(id, size, options);
}

Result<void> ObjectStore::put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options) {
  if (auto allowed = check_create(id, options); !allowed) return allowed;
  return without_value(put_bytes(*backend_, id, data, options, false));
}

Result<Object> ObjectStore::put_and_hold(const ObjectId& id, std::span<const std::byte> data,
                                         const CreateOptions& options) {
  if (auto allowed = check_create(id, options); !allowed) return std::move(allowed).error();
  return put_bytes(*backend_, id, data, options, true);
}

Result<Object> ObjectStore::put_encoded(const ObjectId& id, std::uint64_t size, const Encoder& encode,
                                        const CreateOptions& options) {
  if (auto allowed = check_create(id, options); !allowed) return std::move(allowed).error();
  if (size <= kOneMessagePut) {
    std::vector<std::byte> bytes(size);
    encode(bytes);
    return backend_->put(id, bytes, options, true);
  }
  Result<ObjectBuilder> builder = backend_->create(id, size, options);
  if (!builder) return std::move(builder).error();
  encode(builder->data());
  return builder->seal_and_hold();
}

Result<std::vector<Result<void>>> ObjectStore::put_many(std::span<const PutItem> items) {
  if (backend_->refuses()) return backend_->refusal();
  if (auto allowed = backend_->check_may_write(); !allowed) return std::vector(items.size(), allowed);
  const auto check = [](const PutItem& item) { return detail::check_options(item.id, item.options); };
  if (std::ranges::all_of(items, [&check](const PutItem& item) { return check(item).has_value(); }))
    return backend_->put_many(items);
  std::vector<Result<void>> outcomes;
  std::vector<PutItem> valid;
  for (const PutItem& item : items)
    if (outcomes.push_back(check(item)); outcomes.back()) valid.push_back(item);
  const Result<std::vector<Result<void>>> done = backend_->put_many(valid);
  if (!done) return done;
  auto next = done->begin();
  for (Result<void>& outcome : outcomes)
    if (outcome) outcome = *next++;
  return outcomes;
}

Result<void> ObjectStore::put_deferred(const ObjectId& id, std::span<const std::byte> data,
                                       const CreateOptions& options) {
  if (auto allowed = backend_->check_may_write(); !allowed) return allowed;
  if (auto allowed = detail::check_deferred(id, data.size(), options); !allowed) return allowed;
  return backend_->put_deferred(id, data, options);
}

Result<std::vector<PutFailure>> ObjectStore::flush() {
  if (backend_->refuses()) return backend_->refusal();
  return backend_->flush();
}

Result<void> ObjectStore::extend_grace(const ObjectId& id, std::chrono::milliseconds duration, std::uint32_t readers) {
  if (auto valid = shm::check_grace(id, {.duration = duration, .readers = readers}); !valid) return valid;
  return detail::change(
      *backend_,
      [&](detail::Connection& daemon) {
        protocol::ExtendGraceRequestT request;
        request.id = protocol::to_wire_pointer(id);
        request.grace_ms = static_cast<std::uint32_t>(duration.count());
        request.readers = readers;
        return daemon.tell(request);
      },
      [&](shm::Engine& engine, shm::TimeNs now, shm::ClientId self) {
        return engine.store().extend_grace(self, id, {.duration = duration, .own_gets = true}, now);
      });
}

Result<void> ObjectStore::check_create(const ObjectId& id, const CreateOptions& options) const {
  if (auto allowed = backend_->check_may_write(); !allowed) return allowed;
  return detail::check_options(id, options);
}

}  // namespace dolium
