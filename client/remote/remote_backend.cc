#include "client/remote/remote_backend.h"

#include <algorithm>
#include <utility>

#include "client/mapped/new_object.h"
#include "client/remote/connection.h"
#include "client/remote/remote_calls.h"
#include "client/remote/remote_get_many.h"
#include "client/remote/remote_puts.h"

namespace dolium::detail {
namespace {

class RemoteBackend final : public StoreBackend {
 public:
  explicit RemoteBackend(std::shared_ptr<Connection> connection)
      : StoreBackend(&connection->attachment(), &connection->attachment()), connection_(std::move(connection)) {}
  ~RemoteBackend() override {
    if (!refuses()) {
      static_cast<void>(give_back_lease(*connection_));
      connection_->see_off_last_words();
    }
    connection_->completions().discard_all();
  }

  [[nodiscard]] Error refusal() const override { return connection_->inherited_by_fork(); }

  Result<ObjectBuilder> create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) override;
  Result<Object> put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                     bool hold) override {
    return remote_put(*connection_, id, data, options, hold);
  }
  Result<std::vector<Result<void>>> put_many(std::span<const PutItem> items) override;
  Result<void> put_deferred(const ObjectId& id, std::span<const std::byte> data,
                            const CreateOptions& options) override {
    return remote_put_deferred(*connection_, id, data, options);
  }
  Result<std::vector<PutFailure>> flush() override { return remote_flush(*connection_); }

  Result<Object> get_after(Attachment::Verdict looked, const ObjectId& id, Timeout timeout) override;
  std::optional<Object> try_get(const ObjectId& id) override;
  Result<Objects> get_many(std::span<const ObjectId> ids, std::size_t count, Timeout timeout) override {
    return remote_get_many(*connection_, ids, count, timeout);
  }
  Result<Subscription> subscribe() override { return remote_subscription(connection_); }

  AsyncHandle get_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) override {
    return remote_get_async(connection_, id, timeout, std::move(done));
  }
  AsyncHandle get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                             ObjectStore::GetManyCallback done) override {
    return remote_get_many_async(connection_, ids, count, timeout, std::move(done));
  }
  AsyncHandle take_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) override {
    return remote_take_async(connection_, id, timeout, std::move(done));
  }
  AsyncHandle create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                           ObjectStore::CreateCallback done) override {
    if (!options.timeout.is_no_wait()) give_back_lease(*connection_);
    return remote_create_async(connection_, id, size, options, std::move(done));
  }
  AsyncHandle answer_soon(std::function<void()> callback) override {
    return remote_answer(connection_, std::move(callback));
  }
  [[nodiscard]] int event_fd() override { return connection_->event_fd(); }
  Result<void> process_events() override {
    const auto kept = connection_;  // a callback may destroy this
    return kept->process_events();
  }

 private:
  void ask(StoreCall& call, Repeat, Timeout timeout) override { call.ask(*connection_, timeout); }

  std::shared_ptr<Connection> connection_;
};

Result<ObjectBuilder> RemoteBackend::create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  const protocol::CreateRequestT request = create_request(id, size, options);
  return ask_for_room(*connection_, options.timeout, [&] {
    Call call;
    return connection_->ask<protocol::CreateReply>(request, call, [&](const protocol::CreateReply& reply) {
      return remote_builder(connection_, id, reply.offset(), call.epoch, size, options.metadata);
    });
  });
}

/// Runs of small items in batches; each large item by itself.
Result<std::vector<Result<void>>> RemoteBackend::put_many(std::span<const PutItem> items) {
  const auto is_large = [](const PutItem& item) { return item.data.size() > kInlinePutLimit; };
  std::vector<Result<void>> outcomes;
  outcomes.reserve(items.size());
  while (!items.empty()) {
    const PutItem& first = items.front();
    if (is_large(first)) {
      outcomes.push_back(put_at_once(*this, first));
      items = items.subspan(1);
      continue;
    }
    const auto large = std::ranges::find_if(items, is_large);
    const auto small = items.first(static_cast<std::size_t>(large - items.begin()));
    if (auto done = remote_put_many(*connection_, small, outcomes); !done) return std::move(done).error();
    items = items.subspan(small.size());
  }
  return outcomes;
}

Result<Object> RemoteBackend::get_after(Attachment::Verdict looked, const ObjectId& id, Timeout timeout) {
  if (looked == Attachment::Verdict::absent && timeout.is_no_wait() && !connection_->has_deferred()) {
    connection_->attachment().record_miss();
    return nothing_there(id, timeout);
  }
  Result<Objects> waited = get_many({&id, 1}, 1, timeout);
  if (!waited) return std::move(waited).error();
  if (waited->front()) return *std::move(waited->front());
  return nothing_there(id, timeout);
}

std::optional<Object> RemoteBackend::try_get(const ObjectId& id) {
  Attachment::Attempt looked = look(id);
  if (looked.verdict != Attachment::Verdict::held) return std::nullopt;
  return std::move(looked.object);
}

}  // namespace

std::unique_ptr<StoreBackend> make_remote_backend(std::shared_ptr<Connection> connection) {
  return std::make_unique<RemoteBackend>(std::move(connection));
}

}  // namespace dolium::detail
