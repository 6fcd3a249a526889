#pragma once
// InProcessStore: the same engine without a daemon, for one process: tests, tools, single-process programs.

#include <memory>

#include <dolium/object_store.h>
#include <dolium/store_config.h>

namespace dolium {

namespace detail {
class LocalEngine;
}

/// Threads may share it. It has no timer of its own: each call first expires what is due. Objects and builders
/// outlive it. Not usable in a child after fork(). A std::bad_alloc out of a call that changes the store is its end:
/// from then on every call says so, and what is held stays readable.
///
/// Nor has it a thread of its own (a library that starts one changes what fork(), signals and sanitizers mean for the
/// whole program), so nothing is made warm in the background: StoreConfig::prefault means nothing here. Memory is
/// cleared as it is first touched, once, by this process alone; what is reused is warm. StoreConfig::preallocate takes
/// all of it in open().
class DOLIUM_API InProcessStore final : public ObjectStore {
 public:
  /// invalid_argument for a config that makes no sense; system_error when the memory cannot be had.
  [[nodiscard]] static Result<std::shared_ptr<InProcessStore>> open(const StoreConfig& config);
  ~InProcessStore() override;

  /// Internal: use open().
  explicit InProcessStore(std::shared_ptr<detail::LocalEngine> engine);

 private:
  Result<ObjectBuilder> do_create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) override;
  Result<Object> do_put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                        bool hold) override;
  Result<std::vector<Result<void>>> do_put_many(std::span<const PutItem> items) override;
  Result<Object> do_get(const ObjectId& id, Timeout timeout) override;
  std::optional<Object> do_try_get(const ObjectId& id) override;
  Result<std::vector<std::optional<Object>>> do_get_many(std::span<const ObjectId> ids, Timeout timeout) override;
  Result<bool> do_exists(const ObjectId& id) override;
  Result<ObjectMetadata> do_metadata(const ObjectId& id) override;
  Result<void> do_pin(const ObjectId& id, bool pinned) override;
  Result<bool> do_remove(const ObjectId& id) override;
  Result<Evicted> do_evict(std::uint64_t bytes) override;
  Result<void> do_clear() override;
  Result<StoreStats> do_stats() override;
  Result<std::vector<ObjectMetadata>> do_list() override;
  Result<std::vector<ClientInfo>> do_clients() override;
  Result<Subscription> do_subscribe() override;
  AsyncHandle do_get_async(const ObjectId& id, Timeout timeout, GetCallback done) override;
  AsyncHandle do_create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                              CreateCallback done) override;
  int do_event_fd() const override;
  Result<void> do_process_events() override;

  std::shared_ptr<detail::LocalEngine> engine_;
};

}  // namespace dolium
