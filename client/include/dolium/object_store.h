#pragma once
// ObjectStore: the interface of every store. Client connects to a daemon, whose store all processes of the host share;
// InProcessStore is a store of one process; ReconnectingStore is a Client that goes on after a daemon's end. Start
// here.
//
// Thread safety: several threads may call any method at the same time. A thread that waits does not block others.
// Errors are returned as Result, never thrown; only std::bad_alloc is thrown. Every call on a Client can fail with
// `disconnected`.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dolium/array_builder.h>
#include <dolium/async.h>
#include <dolium/codec.h>
#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/object.h>
#include <dolium/object_builder.h>
#include <dolium/object_id.h>
#include <dolium/object_ref.h>
#include <dolium/options.h>
#include <dolium/private_copy.h>
#include <dolium/result.h>
#include <dolium/stats.h>
#include <dolium/ticket.h>
#include <dolium/timeout.h>
#include <dolium/view.h>

namespace dolium {

namespace detail {
class StoreBackend;
struct BindingAccess;  // of libdolium_c
}  // namespace detail

/// A deferred put that failed, as flush() reports it.
struct PutFailure {
  ObjectId id;
  Error error;
};

/// A resource, always owned by a shared_ptr. No method is virtual: new methods do not change the ABI.
class DOLIUM_API ObjectStore : public std::enable_shared_from_this<ObjectStore> {
 public:
  using GetCallback = std::function<void(Result<Object>)>;
  using GetManyCallback = std::function<void(Result<std::vector<std::optional<Object>>>)>;
  using CreateCallback = std::function<void(Result<ObjectBuilder>)>;

  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;
  virtual ~ObjectStore();

  // ---- writing ----

  /// Reserves memory for an object of `size` bytes, to be written in place and then sealed.
  /// Errors: already_exists if the id is in use, sealed or not; too_large if the object can never fit; out_of_memory if
  /// nothing more can be evicted; timed_out if that is still so when options.timeout is over.
  [[nodiscard]] Result<ObjectBuilder> create(const ObjectId& id, std::uint64_t size, const CreateOptions& options = {});
  /// create() for an array of `count` elements, to be written in place: an object like that of a put std::vector<T>.
  template <class T>
  [[nodiscard]] Result<ArrayBuilder<T>> create_array(const ObjectId& id, std::uint64_t count,
                                                     CreateOptions options = {});
  /// Create, copy and seal in one call: one message up to kOneMessagePut bytes, two messages for more. Errors as
  /// create().
  Result<void> put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options = {});
  /// put(), and returns a reference that is taken before the object can be evicted. The Object holds nothing if another
  /// client has removed the object already.
  Result<Object> put_and_hold(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options = {});
  /// Many puts with few messages, carried out in order. No put waits for other clients; where a spill tier makes room
  /// by writing to disk, they wait for it, up to 30 s without progress. The outer error means that the store could not
  /// be asked; the inner results are the outcomes of the items.
  Result<std::vector<Result<void>>> put_many(std::span<const PutItem> items);
  /// A put that does not wait for its outcome, for many small objects in a row: several times as fast as put(). The
  /// bytes are copied before it returns. At most kInlinePutLimit bytes; `options.timeout` must be no_wait.
  ///
  /// Outcomes that only the store knows (already_exists, out_of_memory, ...) are reported by the next flush(). This
  /// call reports invalid arguments, a lost connection, and out_of_memory when 4096 failures wait for flush(). On a
  /// Client it blocks while the send queue is full; so does a store with a spill tier while puts wait for the disk.
  ///
  /// Later calls through this store see the object. Other clients, also those of the same process, see it after a
  /// moment, with or without flush(); call flush() before you tell them about it. In an InProcessStore the object is
  /// there when the call returns; only the failure is deferred.
  ///
  /// On a Client, after the first 64 KiB in a row, the objects are written to memory that the client leases from the
  /// store: at most 1 MiB or a sixteenth of the store, and the same again in advance. flush() and the client's end give
  /// back the rest; so does a create or put of this client that needs it. Threads that defer puts through one client
  /// take turns.
  Result<void> put_deferred(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options = {});
  /// Waits until all earlier deferred puts are done. Returns those that failed since the last call, in order.
  /// disconnected: the outcome of the deferred puts is unknown.
  Result<std::vector<PutFailure>> flush();
  /// Stores a value under a new random id. The returned reference holds the object. A span is read back as a vector.
  template <class T>
  Result<typename detail::PutUnnamed<T>::Ref> put(const T& value) {
    return put(ObjectId::random(), value);
  }
  /// Stores a value with the tag and the name of its type. T needs a Codec; most types have one (codec.h).
  template <class T>
  requires(!ByteRange<T>) Result<typename detail::Put<T>::Ref> put(const ObjectId& id, const T& value,
                                                                   CreateOptions options = {});

  // ---- reading ----

  /// The object's bytes, in place. Makes no system call if the object is there. Otherwise fails with not_found
  /// (no_wait), or waits until the object is sealed, and fails with timed_out at the deadline. The deadline of a read
  /// holds, some 100 ms late, even while the daemon is suspended. Calls that change the store wait for the daemon,
  /// since only the daemon knows their outcome.
  [[nodiscard]] Result<Object> get_raw(const ObjectId& id, Timeout timeout = no_wait);
  /// A local, non-blocking lookup: no system call, no message. Can miss an object that get_raw() would find, and does
  /// not count the miss. For callers that must release something (an interpreter lock, a scheduler's thread) before
  /// they wait.
  [[nodiscard]] std::optional<Object> try_get(const ObjectId& id);
  /// Waits for all objects, until the deadline. Returns the objects that are there then, in the order of `ids`.
  [[nodiscard]] Result<std::vector<std::optional<Object>>> get_many(std::span<const ObjectId> ids,
                                                                    Timeout timeout = no_wait);
  /// The same, but ends as soon as `count` of them are there. Returns all that are there then. invalid_argument if
  /// there are more than kMaxWaitIds, or if `count` is 0 or more than all.
  [[nodiscard]] Result<std::vector<std::optional<Object>>> get_many(std::span<const ObjectId> ids, std::size_t count,
                                                                    Timeout timeout = no_wait);
  /// The object's elements, in place: as Object::as_span<T>(), and it keeps the reference. type_mismatch if the object
  /// was stored as another type than T or an array of T. Other errors as get_raw().
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] Result<View<T>> view(const ObjectId& id, Timeout timeout = no_wait) {
    Result<Object> object = get_raw(id, timeout);
    if (!object) return std::move(object).error();
    return View<T>::of(*std::move(object));
  }
  /// A copy of the value. type_mismatch if the object was not put as a T. Other errors as get_raw().
  template <class T>
  [[nodiscard]] Result<typename detail::Got<T>::Type> get(const ObjectId& id, Timeout timeout = no_wait) {
    Result<Object> object = get_raw(id, timeout);
    if (!object) return std::move(object).error();
    return decode<T>(*object);
  }
  /// A copy of the object's value. type_mismatch if it was not put as a T.
  template <class T>
  [[nodiscard]] static Result<typename detail::Got<T>::Type> decode(const Object& object);
  /// A reference to the object that is, or will be, stored under the id. Does not access the store.
  template <class T>
  [[nodiscard]] ObjectRef<typename detail::Got<T>::Type> ref(const ObjectId& id) {
    return ObjectRef<T>(shared_from_this(), id);
  }
  /// The same for the ticket of an ObjectRef, usually of another process. invalid_argument if the text is no ticket;
  /// type_mismatch if it is of another type than T.
  template <class T>
  [[nodiscard]] Result<ObjectRef<typename detail::Got<T>::Type>> ref(std::string_view ticket);
  /// Whether a get would find the object now. Does not count as hit, miss or access.
  [[nodiscard]] Result<bool> exists(const ObjectId& id);
  /// exists() for each id, in the order of `ids`.
  [[nodiscard]] Result<std::vector<bool>> exists_many(std::span<const ObjectId> ids);
  /// Waits until `count` of the objects are there, or until the deadline: which of many tasks have finished? Returns
  /// which objects were there at some moment of the call, in the order of `ids`; fewer than `count` after the deadline.
  /// Takes no references: an object can be evicted or removed again before it is got. Counts as no access. Makes no
  /// system call if `count` objects are there already. invalid_argument if an id occurs twice, if there are more than
  /// kMaxWaitIds, or if `count` is 0 or more than all.
  [[nodiscard]] Result<std::vector<bool>> wait(std::span<const ObjectId> ids, std::size_t count,
                                               Timeout timeout = no_wait);
  /// Maximum number of ids of one wait().
  static constexpr std::size_t kMaxWaitIds = 65536;
  /// Works on sealed objects and on objects that are being written. not_found if there is none.
  [[nodiscard]] Result<ObjectMetadata> metadata(const ObjectId& id);

  // ---- taking ----

  /// Gets an object and removes it, in one step: its bytes, in place, and nobody else finds it afterwards. Of several
  /// takes of one object exactly one succeeds. Gets that wait for the object are served first. Waits as get_raw();
  /// takes pinned objects too.
  ///
  /// At most once: the object is lost if this process dies before it has the object, or if the daemon's server dies
  /// then. In the second case this call fails with `disconnected`. It is never repeated.
  [[nodiscard]] Result<Object> take_raw(const ObjectId& id, Timeout timeout = no_wait);
  /// The value of a taken object. type_mismatch if it was not put as a T: then the object stays in the store (so does
  /// an array of numpy, which take_raw() and decode<T>() read). Other errors as take_raw().
  template <class T>
  [[nodiscard]] Result<typename detail::Got<T>::Type> take(const ObjectId& id, Timeout timeout = no_wait) {
    Result<Object> object = take_typed(id, type_tag_of<T>(), type_name_of<T>(), timeout);
    if (!object) return std::move(object).error();
    return decode<T>(*object);
  }

  // ---- keeping and letting go ----

  /// A pinned object is not evicted and does not expire. The pin is a flag of the object: it stays after the end of the
  /// client that set it, until any client calls unpin().
  /// not_sealed while the object is being written; out_of_memory beyond the user's pin quota.
  Result<void> pin(const ObjectId& id);
  /// Has no effect on an object that is not pinned.
  Result<void> unpin(const ObjectId& id);
  /// Keeps the object for readers that are about to come, as CreateOptions::grace does: from now on, it is not evicted
  /// until `readers` other sessions have got it or `duration` has passed (at most kMaxGrace), also if this client ends
  /// meanwhile. Never shortens a grace that the object has: the later end and the greater number of readers hold. In an
  /// InProcessStore, any get ends it. not_found; not_sealed while the object is being written; out_of_memory beyond the
  /// user's quota of pinned bytes.
  Result<void> extend_grace(const ObjectId& id, std::chrono::milliseconds duration, std::uint32_t readers = 1);
  /// Makes the object invisible and its id free at once; its memory becomes free at the last release. Returns false if
  /// there is no such object. not_sealed while the object is being written (its creator can abort it).
  Result<bool> remove(const ObjectId& id);
  /// Removes an object that list() or metadata() has described, and no other that was put under its id since. Returns
  /// false if it is gone.
  Result<bool> remove(const ObjectMetadata& object);
  /// Evicts the coldest objects until `bytes` are free or nothing more can be evicted. Returns the bytes freed. Objects
  /// of retention `keep` are written to disk for it: it waits for a disk that works, 30 s without progress at most.
  Result<std::uint64_t> evict(std::uint64_t bytes);
  /// evict(), and also returns the size of the evicted objects. Objects that other clients store or remove meanwhile
  /// are not counted.
  Result<Evicted> evict_and_count(std::uint64_t bytes);
  /// Gives free memory of the store back to the system, and returns how many bytes. New objects take it again, which is
  /// slower than memory that is kept, and can fail with out_of_memory if the system has none by then. Evict first to
  /// give back more. invalid_argument for a store with `preallocate` or `huge_pages`.
  Result<std::uint64_t> trim();
  /// Removes all sealed objects, also pinned ones. Objects that are held stay readable for their holders.
  Result<void> clear();

  // ---- looking ----

  [[nodiscard]] Result<StoreStats> stats();
  /// All objects, sealed or not, that pass the filter. A daemon sends only those.
  [[nodiscard]] Result<std::vector<ObjectMetadata>> list(const ObjectFilter& filter = {});
  /// All clients of the store.
  [[nodiscard]] Result<std::vector<ClientInfo>> clients();
  /// Succeeds while the store is there. On a Client this takes one round trip to the daemon.
  Result<void> ping();
  /// Events from now on. First comes a `sealed` event for each object that is there already.
  [[nodiscard]] Result<Subscription> subscribe();

  // ---- without blocking ----
  // Callbacks run inside process_events(), in the thread that calls it; never inside the call that began the operation.
  // A callback may call the store. When the connection is lost, every pending callback gets `disconnected`.

  AsyncHandle get_async(const ObjectId& id, Timeout timeout, GetCallback done);
  /// get_many() without blocking: `count` objects end the wait. Of a store that spills, several objects are got with
  /// this, not with several get_async(): each of those holds its object while the others still wait for room.
  AsyncHandle get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout, GetManyCallback done);
  /// take_raw() without blocking. cancel() returns false once the object is here: the callback gets it. If it returns
  /// true, the object can have been removed all the same, a moment before.
  AsyncHandle take_async(const ObjectId& id, Timeout timeout, GetCallback done);
  AsyncHandle create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options, CreateCallback done);
  /// A descriptor for poll, epoll, libuv or asyncio; level-triggered. It is readable when process_events() has
  /// something to do: a callback is due, the daemon has sent something, or a subscription has events. (After
  /// process_events(), read a subscription with next(no_wait) until it returns timed_out.) It can be readable without a
  /// reason. It stays readable after the connection to the daemon is lost: remove it from your loop when
  /// process_events() returns `disconnected`. It belongs to the store: do not read, write or close it.
  [[nodiscard]] int event_fd() const;
  /// Runs the callbacks that are due. Never blocks. disconnected after the daemon's end.
  Result<void> process_events();

 protected:
  explicit ObjectStore(std::unique_ptr<detail::StoreBackend> backend) noexcept;
  [[nodiscard]] detail::StoreBackend& backend() const noexcept { return *backend_; }

 private:
  template <class T>
  friend class ObjectRef;
  friend struct detail::BindingAccess;
  using Encoder = std::function<void(std::span<std::byte>)>;
  static constexpr std::uint64_t kMaxArrayBytes = std::uint64_t{1} << 62;

  /// Whether it is an array or a scalar of numpy's, in the form of a T that was put: its header makes no difference.
  template <class T>
  [[nodiscard]] static bool is_numpy(const Object& object);
  /// Different for each store that ever was; 0 if it is not known.
  [[nodiscard]] std::uint64_t number();
  [[nodiscard]] std::string make_ticket(const ObjectId& id, std::string_view type_name);
  /// `of_numpy`: another name that will do; then the object's header tells the type.
  [[nodiscard]] static Result<Ticket> ticket_of_type(std::string_view text, std::string_view type_name,
                                                     std::string_view of_numpy);
  /// For an object that is not there: says so if its ticket was made in another store.
  [[nodiscard]] Error missing(Error error, std::uint64_t made_in);
  [[nodiscard]] static Error too_many_elements(const ObjectId& id, std::uint64_t count, std::size_t element_size);

  [[nodiscard]] Result<Object> put_encoded(const ObjectId& id, std::uint64_t size, const Encoder& encode,
                                           const CreateOptions& options);
  /// `type_tag` 0: any type. The name is for errors; empty if it is not known.
  [[nodiscard]] Result<Object> take_typed(const ObjectId& id, std::uint64_t type_tag, std::string_view type_name,
                                          Timeout timeout);
  [[nodiscard]] Result<void> check_create(const ObjectId& id, const CreateOptions& options) const;
  [[nodiscard]] static Error wrong_type(const Object& object, std::string_view wanted);
  [[nodiscard]] static Error undecodable(const Object& object, Error error);

  const std::unique_ptr<detail::StoreBackend> backend_;
};

}  // namespace dolium

#include <dolium/object_store_typed.h>
