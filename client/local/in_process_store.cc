#include <dolium/in_process_store.h>

#include <cerrno>
#include <utility>

#include "client/local/local_calls.h"
#include "client/mapped/new_object.h"

namespace dolium {

using detail::Attachment;
using detail::deadline_of;
using detail::local_builder;
using shm::Engine;
using shm::TimeNs;

namespace {

shm::Moment moment(TimeNs now) {
  return {now, std::chrono::system_clock::now()};
}

}  // namespace

Result<std::shared_ptr<InProcessStore>> InProcessStore::open(const StoreConfig& config) {
  Result<std::shared_ptr<detail::LocalEngine>> engine = detail::LocalEngine::open(config);
  if (!engine) return std::move(engine).error();
  return std::make_shared<InProcessStore>(*std::move(engine));
}

InProcessStore::InProcessStore(std::shared_ptr<detail::LocalEngine> engine) : engine_(std::move(engine)) {}
InProcessStore::~InProcessStore() {
  // The engine may outlive us with a builder or a subscription. Nobody is left to answer then: a create that were
  // served without a callback to take its builder would have to abort it in the middle of the engine's turn.
  engine_->drop_waiters();
  engine_->completions().discard_all();
}

Result<ObjectBuilder> InProcessStore::do_create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  if (engine_->refuses()) return engine_->refusal();
  const Result<shm::NewObject> object = detail::new_object(id, size, options);
  if (!object) return object.error();
  bool answered = false;
  Result<shm::Placement> placed = shm::Placement{};
  engine_->with([&](Engine& engine, TimeNs now) {
    engine.creates().add(engine_->next_key(), *object, deadline_of(options.timeout, now), now,
                         [&](Result<shm::Placement> answer) {
                           placed = std::move(answer);
                           answered = true;
                         });
  });
  if (!engine_->wait_until(answered, shm::kNever)) return engine_->refusal();
  if (!placed) return std::move(placed).error();
  try {
    return local_builder(engine_, *placed, id, size, options.metadata);
  } catch (const std::bad_alloc&) {
    engine_->with([&](Engine& engine, TimeNs) { static_cast<void>(engine.store().abort(engine_->client(), id)); });
    throw;
  }
}

Result<Object> InProcessStore::do_put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                                      bool hold) {
  Result<ObjectBuilder> builder = do_create(id, data.size(), options);
  if (!builder) return std::move(builder).error();
  if (auto written = builder->write(data); !written) return std::move(written).error();
  if (hold) return builder->seal_and_hold();
  const Result<ObjectId> sealed = builder->seal();
  return sealed ? Result<Object>(Object()) : Result<Object>(sealed.error());
}

Result<std::vector<Result<void>>> InProcessStore::do_put_many(std::span<const PutItem> items) {
  std::vector<Result<void>> outcomes;
  outcomes.reserve(items.size());
  for (const PutItem& item : items) {
    CreateOptions options = item.options;
    options.timeout = no_wait;
    outcomes.push_back(put(item.id, item.data, options));
  }
  return outcomes;
}

Result<Object> InProcessStore::do_get(const ObjectId& id, Timeout timeout) {
  if (engine_->refuses()) return engine_->refusal();
  Attachment& attachment = engine_->attachment();
  engine_->expire_due();
  Attachment::Attempt attempt = attachment.hold(id, Attachment::Count::hit);
  if (attempt.verdict == Attachment::Verdict::held) return std::move(attempt.object);
  Result<std::vector<std::optional<Object>>> waited = detail::local_wait(*engine_, {&id, 1}, timeout);
  if (!waited) return std::move(waited).error();
  if (waited->front()) return *std::move(waited->front());
  return detail::nothing_there(id, timeout);
}

std::optional<Object> InProcessStore::do_try_get(const ObjectId& id) {
  if (engine_->refuses()) return std::nullopt;
  Attachment& attachment = engine_->attachment();
  engine_->expire_due();
  Attachment::Attempt attempt = attachment.hold(id, Attachment::Count::hit);
  if (attempt.verdict != Attachment::Verdict::held) return std::nullopt;
  return std::move(attempt.object);
}

Result<std::vector<std::optional<Object>>> InProcessStore::do_get_many(std::span<const ObjectId> ids, Timeout timeout) {
  if (engine_->refuses()) return engine_->refusal();
  return detail::local_wait(*engine_, ids, timeout);
}

Result<bool> InProcessStore::do_exists(const ObjectId& id) {
  if (engine_->refuses()) return engine_->refusal();
  engine_->expire_due();
  if (const std::optional<bool> there = engine_->attachment().exists(id)) return *there;
  return engine_->with([&](Engine& engine, TimeNs) { return engine.store().rows().find(id) != shm::kNoSlot; });
}

Result<ObjectMetadata> InProcessStore::do_metadata(const ObjectId& id) {
  if (engine_->refuses()) return engine_->refusal();
  return engine_->with([&](Engine& engine, TimeNs now) { return engine.metadata(id, moment(now)); });
}

Result<void> InProcessStore::do_pin(const ObjectId& id, bool pinned) {
  if (engine_->refuses()) return engine_->refusal();
  return engine_->with([&](Engine& engine, TimeNs now) {
    return pinned ? engine.store().pin(engine_->client(), id, now) : engine.store().unpin(id, now);
  });
}

Result<bool> InProcessStore::do_remove(const ObjectId& id) {
  if (engine_->refuses()) return engine_->refusal();
  return engine_->with([&](Engine& engine, TimeNs now) { return engine.store().remove(id, now); });
}

Result<Evicted> InProcessStore::do_evict(std::uint64_t bytes) {
  if (engine_->refuses()) return engine_->refusal();
  return engine_->with([&](Engine& engine, TimeNs now) {
    const shm::Room::Evicted evicted = engine.store().room().evict_all(bytes, now);
    return Evicted{evicted.bytes, evicted.object_bytes};
  });
}

Result<void> InProcessStore::do_clear() {
  if (engine_->refuses()) return engine_->refusal();
  engine_->with([](Engine& engine, TimeNs now) { engine.store().clear(now); });
  return {};
}

Result<StoreStats> InProcessStore::do_stats() {
  if (engine_->refuses()) return engine_->refusal();
  return engine_->with([](Engine& engine, TimeNs now) { return engine.stats(now); });
}

Result<std::vector<ObjectMetadata>> InProcessStore::do_list() {
  if (engine_->refuses()) return engine_->refusal();
  return engine_->with([](Engine& engine, TimeNs now) {
    std::vector<ObjectMetadata> out;
    std::uint32_t cursor = 0;
    do cursor = engine.store().report().list(cursor, moment(now), out);
    while (cursor != 0);
    return out;
  });
}

Result<std::vector<ClientInfo>> InProcessStore::do_clients() {
  if (engine_->refuses()) return engine_->refusal();
  return engine_->with([this](Engine& engine, TimeNs now) {
    ClientInfo self = engine.store().report().client_info(engine_->client(), now);
    self.user = std::to_string(self.uid);
    self.waiting_gets = engine.gets().count(engine_->client());
    self.waiting_creates = engine.creates().count(engine_->client());
    return std::vector<ClientInfo>{std::move(self)};
  });
}

Result<Subscription> InProcessStore::do_subscribe() {
  if (engine_->refuses()) return engine_->refusal();
  return detail::local_subscription(engine_);
}

AsyncHandle InProcessStore::do_get_async(const ObjectId& id, Timeout timeout, GetCallback done) {
  return detail::local_get_async(engine_, id, timeout, std::move(done));
}

AsyncHandle InProcessStore::do_create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                            CreateCallback done) {
  return detail::local_create_async(engine_, id, size, options, std::move(done));
}

int InProcessStore::do_event_fd() const {
  return engine_->event_fd();
}

Result<void> InProcessStore::do_process_events() {
  if (engine_->refuses()) return engine_->refusal();
  const auto kept = engine_;  // a callback may drop the last reference to this store
  kept->with([](Engine&, TimeNs) {});
  kept->completions().run();
  return {};
}

}  // namespace dolium
