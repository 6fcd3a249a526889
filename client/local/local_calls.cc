#include "client/local/local_calls.h"

#include <atomic>
#include <cstring>
#include <utility>

#include "client/mapped/builder_backend.h"
#include "client/mapped/new_object.h"
#include "client/mapped/subscription_state.h"

namespace dolium::detail {
namespace {

using shm::Engine;
using shm::kNoSlot;
using shm::SlotIndex;
using shm::TimeNs;

/// Takes a reference to a held object, which may have been removed meanwhile, and drops the hold.
Object take_held(LocalEngine& local, Engine& engine, SlotIndex slot, Attachment::Count count) {
  const shm::Rows& rows = engine.store().rows();
  const shm::SlotFields fields = rows.fields(slot);
  const shm::Granted granted{{slot, fields.offset, fields.data_size, fields.metadata_size, fields.type_tag},
                             rows.index.successions()};
  const Attachment::Attempt attempt = local.attachment().hold_kept(fields.id, count, &granted);
  engine.store().usage().drop_hold(slot);
  return attempt.object;
}

/// The outcome of a take, in a turn of the engine.
Result<Object> outcome_of_take(LocalEngine& local, Engine& engine, const ObjectId& id, Timeout timeout,
                               const Result<SlotIndex>& taken) {
  if (!taken) return taken.error();
  if (*taken != kNoSlot) return take_held(local, engine, *taken, Attachment::Count::hit);
  local.attachment().record_miss();
  return nothing_there(id, timeout);
}

class LocalBuilder final : public BuilderBackend {
 public:
  LocalBuilder(const std::shared_ptr<LocalEngine>& local, const ObjectId& id) : local_(local), id_(id) {
    local_->attachment().add_ref();
    mappings_.reset(&local_->attachment());
  }

  Result<Object> seal(bool hold) override {
    if (local_->refuses()) return local_->refusal();
    return local_->with([&](Engine& engine, TimeNs now) -> Result<Object> {
      const Result<SlotIndex> slot = engine.store().seal(local_->client(), id_, now);
      if (!slot) return slot.error();
      if (!hold) return Object();
      engine.store().usage().hold(*slot);
      return take_held(*local_, engine, *slot, Attachment::Count::nothing);
    });
  }
  Result<void> check() const override { return local_->refuses() ? local_->refusal() : Result<void>(); }
  Result<void> abort() override {
    if (local_->refuses()) return {};
    return local_->with([&](Engine& engine, TimeNs) {
      return kept_ ? engine.store().writing().give_up_abandoned(local_->client(), id_, kept_)
                   : engine.store().abort(local_->client(), id_);
    });
  }
  Result<void> abort_and_keep() override {
    if (local_->refuses()) return {};
    return local_->with([&](Engine& engine, TimeNs) -> Result<void> {
      const Result<std::uint64_t> offset = engine.store().writing().abort_and_keep(local_->client(), id_);
      if (!offset) return offset.error();
      kept_ = *offset;
      return {};
    });
  }

 private:
  std::shared_ptr<LocalEngine> local_;
  AttachmentRef mappings_;
  ObjectId id_;
  std::optional<std::uint64_t> kept_;  // the offset of the memory, after abort_and_keep()
};

class LocalSubscription final : public SubscriptionState {
 public:
  explicit LocalSubscription(std::shared_ptr<LocalEngine> local) : local_(std::move(local)), key_(local_->next_key()) {
    local_->with([&](Engine& engine, TimeNs) {
      engine.subscribe(key_, [this] {
        ready_ = true;
        local_->completions().poke();  // event_fd() reports events of subscriptions too
      });
    });
  }
  ~LocalSubscription() override {
    if (local_->refuses()) return;
    try {
      local_->with([&](Engine& engine, TimeNs) { engine.unsubscribe(key_); });
    } catch (const std::bad_alloc&) {
      return;  // the next call reports it
    }
  }

  Result<Event> next(Timeout timeout) override {
    if (local_->refuses()) return local_->refusal();
    const TimeNs deadline = deadline_of(timeout, shm::monotonic_now());
    for (;;) {
      const std::vector<Event> events = local_->with([&](Engine& engine, TimeNs) {
        std::vector<Event> one = engine.take_events(key_, 1);
        ready_ = engine.has_events(key_);
        return one;
      });
      if (!events.empty()) return events.front();
      if (local_->wait_until(ready_, deadline)) continue;
      return local_->refuses() ? local_->refusal() : Error{Errc::timed_out, "no event came in time"};
    }
  }

 private:
  std::shared_ptr<LocalEngine> local_;
  shm::WaitKey key_;
  bool ready_ = false;  // guarded by the engine's lock
};

/// Cancels in the engine first: then the end of the operation has been pushed, and no other will be.
AsyncHandle cancelling(const std::shared_ptr<LocalEngine>& local, Completions::Ticket ticket, const shm::WaitKey& key) {
  return AsyncHandle([weak = std::weak_ptr(local), ticket, key] {
    const auto here = weak.lock();
    if (here == nullptr) return false;
    if (!here->refuses()) here->with([&](Engine& engine, TimeNs now) { engine.cancel(key, now); });
    return here->completions().cancel(ticket);
  });
}

}  // namespace

shm::NewObject local_object(const ObjectId& id, std::uint64_t size, const CreateOptions& options) noexcept {
  shm::NewObject object = new_object(id, size, options);
  if (object.grace.any()) object.grace = {.duration = options.grace, .own_gets = true};
  return object;
}

ObjectBuilder local_builder(const std::shared_ptr<LocalEngine>& local, const shm::Placement& placed, const ObjectId& id,
                            std::uint64_t size, std::span<const std::byte> metadata) {
  const std::span<std::byte> bytes = local->attachment().writable_bytes(placed.offset, size + metadata.size());
  if (!metadata.empty()) std::memcpy(bytes.data() + size, metadata.data(), metadata.size());
  return ObjectBuilder(id, bytes.first(size), std::make_unique<LocalBuilder>(local, id));
}

Subscription local_subscription(const std::shared_ptr<LocalEngine>& local) {
  return Subscription(std::make_shared<LocalSubscription>(local));
}

namespace {

/// References to what a get of several objects holds, which is dropped.
std::vector<std::optional<Object>> take_all_held(LocalEngine& local, Engine& engine,
                                                 const std::vector<SlotIndex>& held) {
  std::vector<std::optional<Object>> out(held.size());
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i] != kNoSlot)
      out[i] = take_held(local, engine, held[i], Attachment::Count::hit);
    else
      local.attachment().record_miss();
  }
  return out;
}

}  // namespace

Result<std::vector<std::optional<Object>>> local_wait(LocalEngine& local, std::span<const ObjectId> ids,
                                                      std::size_t count, Timeout timeout) {
  std::vector<std::optional<Object>> out;
  bool answered = false;
  local.with([&](Engine& engine, TimeNs now) {
    engine.gets().add(local.next_key(), ids, count, deadline_of(timeout, now), now,
                      [&](const std::vector<SlotIndex>& held) {
                        out = take_all_held(local, engine, held);
                        answered = true;
                      });
  });
  if (!local.wait_until(answered, shm::kNever)) return local.refusal();
  return out;
}

AsyncHandle local_get_async(const std::shared_ptr<LocalEngine>& local, const ObjectId& id, Timeout timeout,
                            ObjectStore::GetCallback done) {
  const auto kept = std::make_shared<const ObjectStore::GetCallback>(std::move(done));
  const Completions::Ticket ticket = local->completions().begin(kept);
  const auto* const callback = kept.get();
  const shm::WaitKey key = local->next_key();
  local->with([&](Engine& engine, TimeNs now) {
    const auto finish = [here = local.get(), &engine, ticket, id, timeout,
                         callback](const std::vector<SlotIndex>& held) {
      Result<Object> result = nothing_there(id, timeout);
      if (held[0] != kNoSlot)
        result = take_held(*here, engine, held[0], Attachment::Count::hit);
      else
        here->attachment().record_miss();
      here->completions().push(ticket,
                               [callback, result = std::move(result)]() mutable { (*callback)(std::move(result)); });
    };
    engine.gets().add(key, {&id, 1}, deadline_of(timeout, now), now, finish);
  });
  return cancelling(local, ticket, key);
}

AsyncHandle local_get_many_async(const std::shared_ptr<LocalEngine>& local, std::span<const ObjectId> ids,
                                 std::size_t count, Timeout timeout, ObjectStore::GetManyCallback done) {
  const auto kept = std::make_shared<const ObjectStore::GetManyCallback>(std::move(done));
  const Completions::Ticket ticket = local->completions().begin(kept);
  const auto* const callback = kept.get();
  const shm::WaitKey key = local->next_key();
  local->with([&](Engine& engine, TimeNs now) {
    const auto finish = [here = local.get(), &engine, ticket, callback](const std::vector<SlotIndex>& held) {
      const auto out = std::make_shared<std::vector<std::optional<Object>>>(take_all_held(*here, engine, held));
      here->completions().push(ticket, [callback, out] { (*callback)(std::move(*out)); });
    };
    engine.gets().add(key, ids, count, deadline_of(timeout, now), now, finish);
  });
  return cancelling(local, ticket, key);
}

Result<Object> local_take(LocalEngine& local, const ObjectId& id, std::uint64_t type_tag, Timeout timeout) {
  std::optional<Result<Object>> outcome;
  bool answered = false;
  local.with([&](Engine& engine, TimeNs now) {
    engine.gets().add_take(local.next_key(), id, type_tag, deadline_of(timeout, now), now,
                           [&](const Result<SlotIndex>& taken) {
                             outcome.emplace(outcome_of_take(local, engine, id, timeout, taken));
                             answered = true;
                           });
  });
  if (!local.wait_until(answered, shm::kNever)) return local.refusal();
  return *std::move(outcome);
}

AsyncHandle local_take_async(const std::shared_ptr<LocalEngine>& local, const ObjectId& id, Timeout timeout,
                             ObjectStore::GetCallback done) {
  const auto kept = std::make_shared<const ObjectStore::GetCallback>(std::move(done));
  const Completions::Ticket ticket = local->completions().begin(kept);
  const auto* const callback = kept.get();
  const shm::WaitKey key = local->next_key();
  const auto taken_already = std::make_shared<std::atomic<bool>>(false);
  local->with([&](Engine& engine, TimeNs now) {
    const auto finish = [here = local.get(), &engine, ticket, id, timeout, callback,
                         taken_already](const Result<SlotIndex>& taken) {
      Result<Object> result = outcome_of_take(*here, engine, id, timeout, taken);
      *taken_already = result.has_value();
      here->completions().push(ticket,
                               [callback, result = std::move(result)]() mutable { (*callback)(std::move(result)); });
    };
    engine.gets().add_take(key, id, 0, deadline_of(timeout, now), now, finish);
  });
  AsyncHandle handle = cancelling(local, ticket, key);
  // Once taken, the object belongs to the callback: nobody else would have it.
  return AsyncHandle([taken_already, handle]() mutable { return !*taken_already && handle.cancel(); });
}

AsyncHandle local_create_async(const std::shared_ptr<LocalEngine>& local, const ObjectId& id, std::uint64_t size,
                               const CreateOptions& options, ObjectStore::CreateCallback done) {
  const auto kept = std::make_shared<const ObjectStore::CreateCallback>(std::move(done));
  const Completions::Ticket ticket = local->completions().begin(kept);
  const auto* const callback = kept.get();
  const shm::WaitKey key = local->next_key();
  const auto fail = [here = local.get(), ticket, callback](const Error& error) {
    here->completions().push(ticket, [callback, error] { (*callback)(error); });
  };
  std::vector<std::byte> metadata(options.metadata.begin(), options.metadata.end());
  const auto finish = [weak = std::weak_ptr(local), ticket, id, size, callback, fail,
                       metadata = std::move(metadata)](const Result<shm::Placement>& placed) {
    const auto here = weak.lock();  // null only during the destruction of the engine
    if (here == nullptr) return;
    if (!placed) return fail(placed.error());
    const auto builder = std::make_shared<ObjectBuilder>(local_builder(here, *placed, id, size, metadata));
    here->completions().push(ticket, [callback, builder] { (*callback)(std::move(*builder)); });
  };
  local->with([&](Engine& engine, TimeNs now) {
    engine.creates().add(key, local_object(id, size, options), deadline_of(options.timeout, now), now, finish);
  });
  return cancelling(local, ticket, key);
}

AsyncHandle local_answer(const std::shared_ptr<LocalEngine>& local, std::function<void()> callback) {
  const auto kept = std::make_shared<const std::function<void()>>(std::move(callback));
  const Completions::Ticket ticket = local->completions().begin(kept);
  local->completions().push(ticket, [run = kept.get()] { (*run)(); });
  return cancelling(local, ticket, local->next_key());
}

}  // namespace dolium::detail
