#pragma once
// ObjectStore: what a store can do, whether it lives behind a daemon (Client) or in this process
// (InProcessStore). Start reading here.
//
// Thread safety: every method may be called by several threads at once; one that waits holds up no other.
// Errors are returned, never thrown (but std::bad_alloc). Every call on a Client can fail with `disconnected`.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <dolium/async.h>
#include <dolium/codec.h>
#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/object.h>
#include <dolium/object_builder.h>
#include <dolium/object_id.h>
#include <dolium/object_ref.h>
#include <dolium/options.h>
#include <dolium/result.h>
#include <dolium/stats.h>
#include <dolium/timeout.h>

namespace dolium {

/// The public functions are non-virtual over private virtual ones, so that no implementation can hide an
/// overload or a template. A resource, always owned by a shared_ptr.
class DOLIUM_API ObjectStore : public std::enable_shared_from_this<ObjectStore> {
 public:
  using GetCallback = std::function<void(Result<Object>)>;
  using CreateCallback = std::function<void(Result<ObjectBuilder>)>;

  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;
  virtual ~ObjectStore();

  // ---- writing ----

  /// Room for an object of `size` bytes, to be written in place and sealed. already_exists when the id is
  /// taken, sealed or not; too_large when it can never fit; out_of_memory when nothing (more) can be evicted,
  /// or timed_out when options.timeout passed meanwhile.
  [[nodiscard]] Result<ObjectBuilder> create(const ObjectId& id, std::uint64_t size, const CreateOptions& options = {});
  /// create, write and seal: one message up to kOneMessagePut, two beyond. Errors as create().
  Result<void> put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options = {});
  /// Many puts with few messages, in order; none waits. The outer error: the store could not be asked; the
  /// inner ones: how each item fared.
  Result<std::vector<Result<void>>> put_many(std::span<const PutItem> items);
  /// Stores a value under a fresh id. The ref holds the object. What a span views comes back as a vector.
  template <class T>
  Result<typename detail::PutUnnamed<T>::Ref> put(const T& value) {
    return put(ObjectId::random(), value);
  }
  /// Stores a value with its type's tag and name. T needs a Codec, as most types have (codec.h).
  template <class T>
  requires(!ByteRange<T>) Result<typename detail::Put<T>::Ref> put(const ObjectId& id, const T& value,
                                                                   CreateOptions options = {}) {
    options.type_tag = type_tag_of<T>();
    options.type_name = type_name_of<T>();
    const auto encode = [&value](std::span<std::byte> out) { Codec<T>::encode(value, out); };
    Result<Object> held = put_encoded(id, Codec<T>::size(value), encode, options);
    if (!held) return std::move(held).error();
    return typename detail::Put<T>::Ref(shared_from_this(), id, *std::move(held));
  }

  // ---- reading ----

  /// The object, in place. Without a system call when it is there. no_wait: not_found when nobody has sealed
  /// it; otherwise waits for the seal, and timed_out at the deadline, which holds (some 100 ms later) even when the
  /// daemon does not answer because it stands still. Not so the calls that change something, whose outcome only the
  /// daemon knows.
  [[nodiscard]] Result<Object> get_raw(const ObjectId& id, Timeout timeout = no_wait);
  /// get_raw() as far as it takes nobody's answer: never waits, never asks the daemon, makes no system call. Nothing:
  /// the object may be there all the same, or the store may be gone; get_raw() can tell, and it is get_raw() that
  /// counts the miss. For callers who must let go of something before they wait (an interpreter's lock, a scheduler's
  /// thread).
  [[nodiscard]] std::optional<Object> try_get(const ObjectId& id);
  /// Waits for all; returns, at the deadline at the latest, those that are there, positions kept.
  [[nodiscard]] Result<std::vector<std::optional<Object>>> get_many(std::span<const ObjectId> ids,
                                                                    Timeout timeout = no_wait);
  /// A copy of the value. type_mismatch when the object was not put as a T.
  template <class T>
  [[nodiscard]] Result<typename detail::Got<T>::Type> get(const ObjectId& id, Timeout timeout = no_wait) {
    Result<Object> object = get_raw(id, timeout);
    if (!object) return std::move(object).error();
    return decode<T>(*object);
  }
  /// The object's value; type_mismatch when it was not put as a T.
  template <class T>
  [[nodiscard]] static Result<typename detail::Got<T>::Type> decode(const Object& object) {
    if (object.type_tag() != type_tag_of<T>()) return wrong_type(object, type_name_of<T>(), type_tag_of<T>());
    return Codec<T>::decode(object.data());
  }
  /// A reference to what is, or will be, stored under the id; asks nobody yet.
  template <class T>
  [[nodiscard]] ObjectRef<typename detail::Got<T>::Type> ref(const ObjectId& id) {
    return ObjectRef<T>(shared_from_this(), id);
  }
  /// Whether a get would find it at this moment. Counts neither as hit nor as miss, and as no access.
  [[nodiscard]] Result<bool> exists(const ObjectId& id);
  [[nodiscard]] Result<std::vector<bool>> exists_many(std::span<const ObjectId> ids);
  /// Also of an object that is still being written; not_found when there is none.
  [[nodiscard]] Result<ObjectMetadata> metadata(const ObjectId& id);

  // ---- keeping and letting go ----

  /// A pinned object is not evicted and does not expire until unpin(), whoever set the flag, even when its
  /// setter is gone. not_sealed while it is being written; out_of_memory beyond the user's pin quota.
  Result<void> pin(const ObjectId& id);
  /// Unpinning what is not pinned is fine.
  Result<void> unpin(const ObjectId& id);
  /// Invisible at once, and the id free again; memory back at the last release. False: no such object.
  /// not_sealed while it is being written (its creator can abort it).
  Result<bool> remove(const ObjectId& id);
  /// Evicts, coldest first, until `bytes` are freed or nothing more may be; the bytes really freed.
  Result<std::uint64_t> evict(std::uint64_t bytes);
  /// evict(), and tells also how large the evicted objects were. One call counts both: what other clients store or
  /// remove meanwhile is not in it.
  Result<Evicted> evict_and_count(std::uint64_t bytes);
  /// Removes every sealed object, pinned ones too; what is held stays readable for its holders.
  Result<void> clear();

  // ---- looking ----

  [[nodiscard]] Result<StoreStats> stats();
  [[nodiscard]] Result<std::vector<ObjectMetadata>> list();
  [[nodiscard]] Result<std::vector<ClientInfo>> clients();
  /// From now on; the objects that are there come first, as `sealed` events.
  [[nodiscard]] Result<Subscription> subscribe();

  // ---- without blocking ----
  // Callbacks run inside process_events() of whichever thread calls it, never inside the call that began the
  // operation; they may call the store. `disconnected` is delivered to all that are pending.

  AsyncHandle get_async(const ObjectId& id, Timeout timeout, GetCallback done);
  AsyncHandle create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options, CreateCallback done);
  /// Readable when process_events() has something to do: a callback is due, or the daemon has sent something. Also when
  /// events have come for a subscription: after process_events(), take them with next(no_wait) until it says timed_out.
  /// And for good once the connection to the daemon is lost: take the descriptor out of your loop when process_events()
  /// says `disconnected`. It can be readable for nothing. For poll, epoll, libuv, asyncio; level-triggered. Owned by
  /// the store: do not read, write or close it.
  [[nodiscard]] int event_fd() const;
  /// Runs the callbacks that are due. Never blocks. disconnected once the daemon is gone.
  Result<void> process_events();

 protected:
  ObjectStore() = default;

 private:
  using Encoder = std::function<void(std::span<std::byte>)>;

  [[nodiscard]] Result<Object> put_encoded(const ObjectId& id, std::uint64_t size, const Encoder& encode,
                                           const CreateOptions& options);
  [[nodiscard]] static Error wrong_type(const Object& object, std::string_view wanted_name, std::uint64_t wanted_tag);

  virtual Result<ObjectBuilder> do_create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) = 0;
  /// For at most kInlinePutLimit bytes. With `hold`, the object comes back held when it is still there.
  virtual Result<Object> do_put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                                bool hold) = 0;
  virtual Result<std::vector<Result<void>>> do_put_many(std::span<const PutItem> items) = 0;
  virtual Result<Object> do_get(const ObjectId& id, Timeout timeout) = 0;
  virtual std::optional<Object> do_try_get(const ObjectId& id) = 0;
  virtual Result<std::vector<std::optional<Object>>> do_get_many(std::span<const ObjectId> ids, Timeout timeout) = 0;
  virtual Result<bool> do_exists(const ObjectId& id) = 0;
  virtual Result<ObjectMetadata> do_metadata(const ObjectId& id) = 0;
  virtual Result<void> do_pin(const ObjectId& id, bool pinned) = 0;
  virtual Result<bool> do_remove(const ObjectId& id) = 0;
  virtual Result<Evicted> do_evict(std::uint64_t bytes) = 0;
  virtual Result<void> do_clear() = 0;
  virtual Result<StoreStats> do_stats() = 0;
  virtual Result<std::vector<ObjectMetadata>> do_list() = 0;
  virtual Result<std::vector<ClientInfo>> do_clients() = 0;
  virtual Result<Subscription> do_subscribe() = 0;
  virtual AsyncHandle do_get_async(const ObjectId& id, Timeout timeout, GetCallback done) = 0;
  virtual AsyncHandle do_create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                      CreateCallback done) = 0;
  virtual int do_event_fd() const = 0;
  virtual Result<void> do_process_events() = 0;
};

template <class T>
Result<Object> ObjectRef<T>::get_raw(Timeout timeout) const {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->held.holds()) return state_->held;
  }
  Result<Object> object = state_->store->get_raw(state_->id, timeout);
  if (object) {
    const std::lock_guard lock(state_->mutex);
    state_->held = *object;
  }
  return object;
}

template <class T>
Result<T> ObjectRef<T>::decode_object(const Object& object) {
  return ObjectStore::decode<T>(object);
}

}  // namespace dolium
