#pragma once
// ObjectRef<T>: a typed reference to the object that is, or will be, stored under an id.

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <dolium/codec.h>
#include <dolium/object.h>
#include <dolium/timeout.h>

namespace dolium {

class ObjectStore;

/// Copies share the cached value. A reference from put() holds the object: it is not evicted while the reference lives.
/// A reference from ObjectStore::ref<T>(id) holds the object from its first get on. Thread-safe.
template <class T>
class ObjectRef {
  static_assert(Decodable<typename detail::Got<T>::Type>);

 public:
  ObjectRef(std::shared_ptr<ObjectStore> store, const ObjectId& id, Object held = {})
      : state_(std::make_shared<State>(std::move(store), id, std::move(held))) {}

  /// The value: decoded by the first call, later calls copy it from the cache.
  [[nodiscard]] Result<T> get(Timeout timeout = no_wait) const {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->cached) return *state_->cached;
    }
    Result<Object> object = get_raw(timeout);
    if (!object) return std::move(object).error();
    Result<T> value = decode_object(*object);
    if (!value) return value;
    const std::lock_guard lock(state_->mutex);
    state_->cached = *value;
    return value;
  }
  /// The bytes, in place. A thread that waits does not block others.
  [[nodiscard]] Result<Object> get_raw(Timeout timeout = no_wait) const;
  [[nodiscard]] const ObjectId& id() const noexcept { return state_->id; }

 private:
  struct State {
    State(std::shared_ptr<ObjectStore> in, const ObjectId& named, Object object)
        : store(std::move(in)), id(named), held(std::move(object)) {}
    const std::shared_ptr<ObjectStore> store;
    const ObjectId id;
    std::mutex mutex;
    Object held;              // guarded by mutex
    std::optional<T> cached;  // guarded by mutex
  };

  static Result<T> decode_object(const Object& object);

  std::shared_ptr<State> state_;
};

}  // namespace dolium
