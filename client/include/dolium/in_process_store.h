#pragma once
// InProcessStore: the same store without a daemon, for one process: tests, tools, programs of one process.

#include <memory>

#include <dolium/object_store.h>
#include <dolium/store_config.h>

namespace dolium {

namespace detail {
class LocalEngine;
}

/// Several threads may use it at the same time. Objects and builders may outlive it.
///
/// It has no thread and no timer: each call first expires the objects that are due. (A thread of a library would change
/// how fork(), signals and sanitizers work in the whole program.) For the same reason no memory is prepared in advance:
/// StoreConfig::prefault has no effect. The kernel clears each page at its first use; StoreConfig::preallocate takes
/// all pages in open().
///
/// After fork() the child cannot use it: every call returns `disconnected`. After a std::bad_alloc in a call that
/// changes the store, every call returns an error; objects that are held stay readable.
class DOLIUM_API InProcessStore final : public ObjectStore {
 public:
  /// invalid_argument if the configuration is not valid; system_error if the memory is not available.
  [[nodiscard]] static Result<std::shared_ptr<InProcessStore>> open(const StoreConfig& config);
  ~InProcessStore() override;

  /// Internal: use open().
  explicit InProcessStore(std::shared_ptr<detail::LocalEngine> engine);
};

}  // namespace dolium
