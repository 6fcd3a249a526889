#pragma once
// ObjectRef<T>: a typed reference to the object that is, or will be, stored under an id. It travels to other processes
// as a ticket, a short text.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <string>
#include <utility>

#include <dolium/codec.h>
#include <dolium/object.h>
#include <dolium/timeout.h>
#include <dolium/view.h>

namespace dolium {

class ObjectStore;
template <class T>
class ObjectRef;

// ---- types without a codec ----

namespace detail {
/// The reference that put() of a T returns. The static_assert makes the compiler explain in its first line why a type
/// cannot be put; without it the error would be a page of candidate overloads.
template <class T, bool = Encodable<T>>
struct Put {
  using Ref = ObjectRef<typename StoredAs<T>::type>;
};
template <class T>
struct Put<T, false> {
  static_assert(
      ByteRange<T>,
      "dolium: this type has no codec, so it cannot be put: trivially copyable types, text, and vector, array, span, "
      "map, pair, tuple and optional of them have one; specialise dolium::Codec for yours, with type_name, size(), "
      "encode() and decode() (see dolium/codec.h)");
  using Ref = void;
};
/// The same without an id.
template <class T>
struct PutUnnamed : Put<T> {
  static_assert(!ByteRange<T>, "dolium: raw bytes are put under an id: put(ObjectId::random(), bytes)");
};

/// The type that get() of a T returns.
template <class T>
struct Got {
  static_assert(
      Decodable<T>,
      "dolium: this type has no codec, so it cannot be got: trivially copyable types, std::string, and vector, array, "
      "map, pair, tuple and optional of them have one (not a view: get the std::vector or std::string); specialise "
      "dolium::Codec for yours, with decode() (see dolium/codec.h)");
  using Type = T;
};
}  // namespace detail

/// Copies share the cached value. A reference from put() holds the object: it is not evicted while the reference lives.
/// A reference from ObjectStore::ref<T>(), of an id or of a ticket, holds the object from its first get on.
/// Thread-safe.
template <class T>
class ObjectRef {
  static_assert(Decodable<typename detail::Got<T>::Type>);

 public:
  /// `made_in`: the number of the store that its ticket was made in; 0: it is of no ticket.
  ObjectRef(std::shared_ptr<ObjectStore> store, const ObjectId& id, Object held = {}, std::uint64_t made_in = 0)
      : state_(std::make_shared<State>(std::move(store), id, std::move(held), made_in)) {}

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
  /// The elements of a vector or array, in place.
  [[nodiscard]] auto view(Timeout timeout = no_wait) const requires PlainRange<T> {
    using Elements = View<std::ranges::range_value_t<T>>;
    Result<Object> object = get_raw(timeout);
    if (!object) return Result<Elements>(std::move(object).error());
    return Elements::of(*std::move(object));
  }
  [[nodiscard]] const ObjectId& id() const noexcept { return state_->id; }
  /// A short printable text without blanks, for ObjectStore::ref<T>(ticket) of another process. It holds nothing: keep
  /// the object, by a reference or by time, until the other process has got it.
  [[nodiscard]] std::string ticket() const;

 private:
  struct State {
    State(std::shared_ptr<ObjectStore> in, const ObjectId& named, Object object, std::uint64_t ticket_of)
        : store(std::move(in)), id(named), made_in(ticket_of), held(std::move(object)) {}
    const std::shared_ptr<ObjectStore> store;
    const ObjectId id;
    const std::uint64_t made_in;
    std::mutex mutex;
    Object held;              // guarded by mutex
    std::optional<T> cached;  // guarded by mutex
  };

  static Result<T> decode_object(const Object& object);

  std::shared_ptr<State> state_;
};

}  // namespace dolium
