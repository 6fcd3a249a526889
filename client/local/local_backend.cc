#include "client/local/local_backend.h"

#include <mutex>
#include <utility>

#include "client/local/local_calls.h"
#include "client/mapped/new_object.h"

namespace dolium::detail {
namespace {

using shm::Engine;
using shm::TimeNs;

class LocalBackend final : public StoreBackend {
 public:
  explicit LocalBackend(std::shared_ptr<LocalEngine> engine)
      : StoreBackend(&engine->attachment()), engine_(std::move(engine)) {}
  ~LocalBackend() override {
    // A builder or a subscription may keep the engine. A create that it served later would find no callback, and would
    // have to abort the object in the middle of the engine's turn.
    engine_->drop_waiters();
    engine_->completions().discard_all();
  }

  [[nodiscard]] Error refusal() const override { return engine_->refusal(); }

  Result<ObjectBuilder> create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) override;
  Result<Object> put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                     bool hold) override {
    return put_with_builder(*this, id, data, options, hold);
  }
  Result<std::vector<Result<void>>> put_many(std::span<const PutItem> items) override;
  Result<void> put_deferred(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options) override;
  Result<std::vector<PutFailure>> flush() override {
    const std::lock_guard lock(failures_mutex_);
    return std::exchange(failures_, {});
  }

  /// Expires objects first, so that it looks itself.
  Result<Object> get_after(Attachment::Verdict looked, const ObjectId& id, Timeout timeout) override;
  std::optional<Object> try_get(const ObjectId& id) override {
    engine_->expire_due();
    Attachment::Attempt attempt = engine_->attachment().hold(id, Attachment::Count::hit);
    if (attempt.verdict != Attachment::Verdict::held) return std::nullopt;
    return std::move(attempt.object);
  }
  Result<Objects> get_many(std::span<const ObjectId> ids, std::size_t count, Timeout timeout) override {
    return local_wait(*engine_, ids, count, timeout);
  }
  Result<Subscription> subscribe() override { return local_subscription(engine_); }

  AsyncHandle get_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) override {
    return local_get_async(engine_, id, timeout, std::move(done));
  }
  AsyncHandle get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                             ObjectStore::GetManyCallback done) override {
    return local_get_many_async(engine_, ids, count, timeout, std::move(done));
  }
  AsyncHandle take_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) override {
    return local_take_async(engine_, id, timeout, std::move(done));
  }
  AsyncHandle create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                           ObjectStore::CreateCallback done) override {
    return local_create_async(engine_, id, size, options, std::move(done));
  }
  AsyncHandle answer_soon(std::function<void()> callback) override {
    return local_answer(engine_, std::move(callback));
  }
  [[nodiscard]] int event_fd() override { return engine_->event_fd(); }
  Result<void> process_events() override {
    const auto kept = engine_;  // a callback may destroy this
    kept->with([](Engine&, TimeNs) {});
    kept->completions().run();
    return {};
  }

 private:
  void ask(StoreCall& call, Repeat, Timeout timeout) override { call.ask(*engine_, timeout); }

  std::shared_ptr<LocalEngine> engine_;
  std::mutex failures_mutex_;
  std::vector<PutFailure> failures_;  // of deferred puts, until flush(); guarded by failures_mutex_
};

Result<ObjectBuilder> LocalBackend::create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  bool answered = false;
  Result<shm::Placement> placed = shm::Placement{};
  engine_->with([&](Engine& engine, TimeNs now) {
    engine.creates().add(engine_->next_key(), local_object(id, size, options), deadline_of(options.timeout, now), now,
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

Result<std::vector<Result<void>>> LocalBackend::put_many(std::span<const PutItem> items) {
  std::vector<Result<void>> outcomes;
  outcomes.reserve(items.size());
  for (const PutItem& item : items) outcomes.push_back(put_at_once(*this, item));
  return outcomes;
}

/// The put is done at once; only its failure is deferred.
Result<void> LocalBackend::put_deferred(const ObjectId& id, std::span<const std::byte> data,
                                        const CreateOptions& options) {
  {
    const std::lock_guard lock(failures_mutex_);
    if (failures_.size() >= kMaxPutFailures) return too_many_put_failures();
  }
  const Result<Object> done = put_with_builder(*this, id, data, options, false);
  if (done) return {};
  if (refuses()) return done.error();
  const std::lock_guard lock(failures_mutex_);
  failures_.push_back({id, done.error()});
  return {};
}

Result<Object> LocalBackend::get_after(Attachment::Verdict /*looked*/, const ObjectId& id, Timeout timeout) {
  engine_->expire_due();
  Attachment::Attempt attempt = engine_->attachment().hold(id, Attachment::Count::hit);
  if (attempt.verdict == Attachment::Verdict::held) return std::move(attempt.object);
  Result<std::vector<std::optional<Object>>> waited = local_wait(*engine_, {&id, 1}, 1, timeout);
  if (!waited) return std::move(waited).error();
  if (waited->front()) return *std::move(waited->front());
  return nothing_there(id, timeout);
}

}  // namespace

std::unique_ptr<StoreBackend> make_local_backend(std::shared_ptr<LocalEngine> engine) {
  return std::make_unique<LocalBackend>(std::move(engine));
}

}  // namespace dolium::detail
