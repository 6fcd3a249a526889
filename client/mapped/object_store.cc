#include <dolium/object_store.h>

#include <fmt/format.h>

#include <vector>

#include <dolium/copy.h>

#include "client/mapped/subscription_state.h"
#include "shm/types/type_names.h"

namespace dolium {

ObjectStore::~ObjectStore() = default;

Result<ObjectBuilder> ObjectStore::create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  return do_create(id, size, options);
}

Result<void> ObjectStore::put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options) {
  if (data.size() <= kOneMessagePut) {
    const Result<Object> done = do_put(id, data, options, false);
    return done ? Result<void>() : Result<void>(done.error());
  }
  Result<ObjectBuilder> builder = do_create(id, data.size(), options);
  if (!builder) return std::move(builder).error();
  if (auto written = builder->write(data, options.copy_threads); !written) return written;
  const Result<ObjectId> sealed = builder->seal();
  return sealed ? Result<void>() : Result<void>(sealed.error());
}

Result<Object> ObjectStore::put_encoded(const ObjectId& id, std::uint64_t size, const Encoder& encode,
                                        const CreateOptions& options) {
  if (size <= kOneMessagePut) {
    std::vector<std::byte> bytes(size);
    encode(bytes);
    return do_put(id, bytes, options, true);
  }
  Result<ObjectBuilder> builder = do_create(id, size, options);
  if (!builder) return std::move(builder).error();
  encode(builder->data());
  return builder->seal_and_hold();
}

Error ObjectStore::wrong_type(const Object& object, std::string_view wanted_name, std::uint64_t wanted_tag) {
  if (object.type_tag() == 0)
    return {Errc::type_mismatch,
            fmt::format("object {} holds raw bytes, not a {}: use get_raw()", object.id().hex(), wanted_name)};
  if (const std::string_view known = known_type_name(object.type_tag()); !known.empty())
    return {Errc::type_mismatch,
            fmt::format("object {} holds another type: {}, not {}", object.id().hex(), known, wanted_name)};
  return {Errc::type_mismatch,
          fmt::format("object {} holds another type (tag {:016x}) than {} (tag {:016x}); `dolium inspect` names its "
                      "type: where the names are the same, size or version differ",
                      object.id().hex(), object.type_tag(), wanted_name, wanted_tag)};
}

Result<std::vector<Result<void>>> ObjectStore::put_many(std::span<const PutItem> items) {
  return do_put_many(items);
}
Result<Object> ObjectStore::get_raw(const ObjectId& id, Timeout timeout) {
  return do_get(id, timeout);
}
std::optional<Object> ObjectStore::try_get(const ObjectId& id) {
  return do_try_get(id);
}
Result<std::vector<std::optional<Object>>> ObjectStore::get_many(std::span<const ObjectId> ids, Timeout timeout) {
  return do_get_many(ids, timeout);
}
Result<bool> ObjectStore::exists(const ObjectId& id) {
  return do_exists(id);
}

Result<std::vector<bool>> ObjectStore::exists_many(std::span<const ObjectId> ids) {
  std::vector<bool> out;
  out.reserve(ids.size());
  for (const ObjectId& id : ids) {
    const Result<bool> there = do_exists(id);
    if (!there) return there.error();
    out.push_back(*there);
  }
  return out;
}

Result<ObjectMetadata> ObjectStore::metadata(const ObjectId& id) {
  return do_metadata(id);
}
Result<void> ObjectStore::pin(const ObjectId& id) {
  return do_pin(id, true);
}
Result<void> ObjectStore::unpin(const ObjectId& id) {
  return do_pin(id, false);
}
Result<bool> ObjectStore::remove(const ObjectId& id) {
  return do_remove(id);
}
Result<std::uint64_t> ObjectStore::evict(std::uint64_t bytes) {
  const Result<Evicted> evicted = do_evict(bytes);
  return evicted ? Result<std::uint64_t>(evicted->freed_bytes) : evicted.error();
}
Result<Evicted> ObjectStore::evict_and_count(std::uint64_t bytes) {
  return do_evict(bytes);
}
Result<void> ObjectStore::clear() {
  return do_clear();
}
Result<StoreStats> ObjectStore::stats() {
  return do_stats();
}
Result<std::vector<ObjectMetadata>> ObjectStore::list() {
  return do_list();
}
Result<std::vector<ClientInfo>> ObjectStore::clients() {
  return do_clients();
}
Result<Subscription> ObjectStore::subscribe() {
  return do_subscribe();
}
AsyncHandle ObjectStore::get_async(const ObjectId& id, Timeout timeout, GetCallback done) {
  return do_get_async(id, timeout, std::move(done));
}
AsyncHandle ObjectStore::create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                      CreateCallback done) {
  return do_create_async(id, size, options, std::move(done));
}
int ObjectStore::event_fd() const {
  return do_event_fd();
}
Result<void> ObjectStore::process_events() {
  return do_process_events();
}

// ---- subscriptions ----

Subscription::Subscription(std::shared_ptr<detail::SubscriptionState> state) noexcept : state_(std::move(state)) {}
Subscription::Subscription(Subscription&&) noexcept = default;
Subscription& Subscription::operator=(Subscription&&) noexcept = default;
Subscription::~Subscription() = default;

Result<Event> Subscription::next(Timeout timeout) {
  if (state_ == nullptr) return Error{Errc::invalid_argument, "this subscription was moved from"};
  return state_->next(timeout);
}

std::string_view to_string(RemovalCause cause) noexcept {
  switch (cause) {
    case RemovalCause::removed: return "removed";
    case RemovalCause::evicted: return "evicted";
    case RemovalCause::expired: return "expired";
    case RemovalCause::cleared: return "cleared";
  }
  return "unknown";
}

std::string_view to_string(Event::Kind kind) noexcept {
  switch (kind) {
    case Event::Kind::sealed: return "sealed";
    case Event::Kind::removed: return "removed";
    case Event::Kind::overflow: return "overflow";
  }
  return "unknown";
}

}  // namespace dolium
