#pragma once
// What is behind the opaque handles, and how a handle of the caller becomes one of them: never null, and in debug
// builds alive.

#include <dolium/c/async.h>
#include <dolium/c/id.h>
#include <dolium/c/object.h>
#include <dolium/c/report.h>
#include <dolium/c/store.h>
#include <dolium/c/write.h>

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <dolium/client.h>
#include <dolium/in_process_store.h>
#include <dolium/object_store.h>
#include <dolium/reconnecting_store.h>

#include "client/c/call.h"
#include "client/c/live.h"
#include "client/mapped/attachment.h"

struct dolium_store {
  std::shared_ptr<dolium::ObjectStore> shared;
  std::variant<dolium::Client*, dolium::ReconnectingStore*, dolium::InProcessStore*> kind;  // of `shared`
};
struct dolium_builder {
  dolium::ObjectBuilder builder;
  std::uint64_t size;
  bool kept = false;  // after abort_and_keep()
};
struct dolium_private_copy {
  dolium::PrivateCopy copy;
};
struct dolium_failures {
  struct Each {
    dolium::ObjectId id;
    dolium::Error error;
    std::uint64_t index = 0;
  };
  std::vector<Each> failures;
};
struct dolium_subscription {
  dolium::Subscription subscription;
};
struct dolium_use_list {
  struct Each {
    dolium::ClientUse use;
    std::int32_t role = DOLIUM_HOLDER;
  };
  std::vector<Each> rows;
  std::size_t next = 0;
};
struct dolium_object_list {
  std::vector<dolium::ObjectMetadata> rows;
  std::size_t next = 0;
};
struct dolium_client_list {
  std::vector<dolium::ClientInfo> rows;
  std::size_t next = 0;
};

namespace dolium::c {

// ---- handles ----

template <class Handle>
inline constexpr const char* kKind = nullptr;
template <>
inline constexpr const char* kKind<dolium_store> = "dolium_store";
template <>
inline constexpr const char* kKind<dolium_builder> = "dolium_builder";
template <>
inline constexpr const char* kKind<dolium_private_copy> = "dolium_private_copy";
template <>
inline constexpr const char* kKind<dolium_failures> = "dolium_failures";
template <>
inline constexpr const char* kKind<dolium_subscription> = "dolium_subscription";
template <>
inline constexpr const char* kKind<dolium_use_list> = "dolium_use_list";
template <>
inline constexpr const char* kKind<dolium_object_list> = "dolium_object_list";
template <>
inline constexpr const char* kKind<dolium_client_list> = "dolium_client_list";
template <>
inline constexpr const char* kKind<dolium_async> = "dolium_async";

/// A new handle, which the caller of the library owns.
template <class Handle>
Handle* new_handle(Handle value) {
  auto made = std::make_unique<Handle>(std::move(value));
  if constexpr (kKeepsRecord) add_handle(made.get(), kKind<Handle>);
  return made.release();
}

[[noreturn]] void refuse_null_handle(const char* kind);
[[nodiscard]] std::string ended_handle(const char* kind);

/// Throws if the handle is null, or has ended.
template <class Handle>
Handle& live(Handle* handle) {
  using Bare = std::remove_const_t<Handle>;
  if (handle == nullptr) [[unlikely]]
    refuse_null_handle(kKind<Bare>);
  if constexpr (kKeepsRecord)
    if (!is_live_handle(handle, kKind<Bare>)) throw Misuse(ended_handle(kKind<Bare>));
  return *handle;
}

/// The handle for a function without errors: null if the caller's is null. Aborts if it has ended.
template <class Handle>
Handle* live_or_null(const char* function, Handle* handle) noexcept {
  using Bare = std::remove_const_t<Handle>;
  if constexpr (kKeepsRecord)
    if (handle != nullptr && !is_live_handle(handle, kKind<Bare>)) give_up(function, ended_handle(kKind<Bare>));
  return handle;
}

/// Ends the handle. Throws if it is null, or has ended.
template <class Handle>
std::unique_ptr<Handle> taken(Handle* handle) {
  static_cast<void>(live(handle));
  if constexpr (kKeepsRecord) drop_handle(handle, kKind<Handle>);
  return std::unique_ptr<Handle>(handle);
}

/// Ends a handle that may be null. Aborts if it has ended.
template <class Handle>
void end_handle(const char* function, Handle* handle) noexcept {
  if (handle == nullptr) return;
  if constexpr (kKeepsRecord)
    if (!drop_handle(handle, kKind<Handle>)) give_up(function, ended_handle(kKind<Handle>));
  delete handle;
}

// ---- arguments ----

[[nodiscard]] inline ObjectStore& store_of(dolium_store* store) {
  return *live(store).shared;
}
[[nodiscard]] inline ObjectId id_of(const dolium_id& id) noexcept {
  static_assert(sizeof(ObjectId) == sizeof(dolium_id));
  return std::bit_cast<ObjectId>(id);
}
/// The same in place: both are 20 bytes of alignment 1. A copy would delay the first look by its way through memory.
[[nodiscard]] inline const ObjectId& viewed_as_id(const dolium_id& id) noexcept {
  static_assert(sizeof(ObjectId) == sizeof(dolium_id) && alignof(ObjectId) == alignof(dolium_id));
  return reinterpret_cast<const ObjectId&>(id);
}
[[nodiscard]] inline ObjectId id_of(const dolium_id* id) {
  return id_of(required(id, "id"));
}
[[nodiscard]] inline dolium_id to_c(const ObjectId& id) noexcept {
  return std::bit_cast<dolium_id>(id);
}
[[nodiscard]] std::vector<ObjectId> ids_of(const dolium_id* ids, std::size_t count);
[[nodiscard]] inline Timeout timeout_of(std::int64_t timeout_ns) noexcept {
  return timeout_ns < 0 ? wait_forever : Timeout(std::chrono::nanoseconds(timeout_ns));
}
[[nodiscard]] std::int64_t nanoseconds(std::chrono::milliseconds duration) noexcept;

// ---- objects ----

[[nodiscard]] inline bool holds(const dolium_object& object) noexcept {
  return object.opaque2[0] != 0;
}
/// Member by member: for `object = {}` g++ takes an instruction that needs longer than a get.
inline void wipe(dolium_object& object) noexcept {
  object.data = nullptr;
  object.size = 0;
  object.metadata = nullptr;
  object.metadata_size = 0;
  object.type_tag = 0;
  object.id = {};
  object.opaque = 0;
  for (std::uint64_t& word : object.opaque2) word = 0;
}

/// Two words at once: a caller that copies the struct reads it in pieces of 16 bytes, and would otherwise wait until
/// both words have left the store buffer: a tenth of a get for each copy.
inline void write_words(dolium_object& out, std::size_t pair, std::uint64_t low, std::uint64_t high) noexcept {
  using Words [[gnu::vector_size(16)]] = std::uint64_t;
  const Words both = {low, high};
  std::memcpy(reinterpret_cast<std::byte*>(&out) + pair * sizeof both, &both, sizeof both);
}

/// Fills the caller's struct with a reference, which is the caller's from now on. To read the id from the view, behind
/// the writes of the get, would take a tenth of the get.
inline void write_object(dolium_object& out, const detail::ObjectView& view, const dolium_id& id) {
  static_assert(offsetof(dolium_object, size) == 8 && offsetof(dolium_object, metadata) == 16 &&
                offsetof(dolium_object, metadata_size) == 24 && offsetof(dolium_object, type_tag) == 32 &&
                offsetof(dolium_object, id) == 40 && offsetof(dolium_object, opaque) == 60 &&
                offsetof(dolium_object, opaque2) == 64 && sizeof(dolium_object) == 96);
  std::uint64_t number = 0;
  if constexpr (kKeepsRecord) number = add_reference();
  std::uint64_t first = 0, second = 0;
  std::uint32_t third = 0;
  std::memcpy(&first, id.bytes, sizeof first);
  std::memcpy(&second, id.bytes + sizeof first, sizeof second);
  std::memcpy(&third, id.bytes + sizeof first + sizeof second, sizeof third);
  write_words(out, 0, reinterpret_cast<std::uintptr_t>(view.bytes), view.data_size);
  write_words(out, 1, reinterpret_cast<std::uintptr_t>(view.bytes + view.data_size), view.metadata_size);
  write_words(out, 2, view.type_tag, first);
  write_words(out, 3, second, third | std::uint64_t{view.slot} << 32);
  write_words(out, 4, reinterpret_cast<std::uintptr_t>(view.attachment), number);
  write_words(out, 5, 0, 0);
}

/// The caller's variable for an object. It holds nothing at the end, unless it was filled.
class ObjectResult {
 public:
  explicit ObjectResult(dolium_object* out) : out_(required(out, "object")) {}
  ObjectResult(const ObjectResult&) = delete;
  ObjectResult& operator=(const ObjectResult&) = delete;
  ~ObjectResult() {
    if (!filled_) [[unlikely]]
      wipe(out_);
  }
  /// The caller takes over the reference, if there is one.
  void fill(Object&& object) { fill(std::move(object), to_c(object.id())); }
  /// The same where the id is known.
  void fill(Object&& object, const dolium_id& id) {
    if (!object.holds()) [[unlikely]]
      return;
    write_object(out_, object.view(), id);
    object.give_up();
    filled_ = true;
  }
  /// It was filled by write_object().
  void keep() noexcept { filled_ = true; }
  /// The same for a result. Returns the code of the call.
  [[nodiscard]] dolium_code fill(Result<Object>&& object, dolium_error* error) {
    return object ? fill(std::move(object), to_c(object->id()), error) : report(object.error(), error);
  }
  [[nodiscard]] dolium_code fill(Result<Object>&& object, const dolium_id& id, dolium_error* error) {
    if (!object) [[unlikely]]
      return report(object.error(), error);
    fill(*std::move(object), id);
    return DOLIUM_OK;
  }

 private:
  dolium_object& out_;
  bool filled_ = false;
};

/// The caller's reference, looked at. It remains the caller's.
class Borrowed {
 public:
  /// Throws if it holds nothing, or was released.
  explicit Borrowed(const dolium_object* object);
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() { object_.give_up(); }
  const Object& operator*() const noexcept { return object_; }
  const Object* operator->() const noexcept { return &object_; }

 private:
  Object object_;
};

}  // namespace dolium::c
