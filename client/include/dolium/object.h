#pragma once
// Object: a sealed object's bytes, in place. While any copy of an Object lives, the object's memory is neither
// evicted nor reused, whoever removes it; the bytes stay readable when the client that got it is gone, and
// when the daemon is.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <dolium/codec.h>
#include <dolium/export.h>
#include <dolium/object_id.h>
#include <dolium/result.h>

namespace dolium {

class Object;

namespace detail {
class Attachment;

/// What an Object is made of: where the bytes are and which reference keeps them there. Internal.
struct ObjectView {
  Attachment* attachment = nullptr;  // counted
  const std::byte* bytes = nullptr;
  std::uint64_t data_size = 0;
  std::uint64_t type_tag = 0;
  std::uint32_t metadata_size = 0;
  std::uint32_t slot = 0;
  ObjectId id;
};

/// The elements of an array that Python's numpy put, when their type is `element_name`, or cannot be told.
[[nodiscard]] DOLIUM_API bool is_numpy_array_of(const Object& object, std::string_view element_name);
[[nodiscard]] DOLIUM_API Error element_mismatch(const ObjectId& id, std::uint64_t tag, std::string_view element_name);
[[nodiscard]] DOLIUM_API Error span_mismatch(const ObjectId& id, std::uint64_t size, std::size_t element_size,
                                             bool misaligned);
}  // namespace detail

/// Copying takes another reference and costs about 10 ns; no call on an Object makes a system call or waits,
/// but the last release while somebody waits for room, which wakes that somebody, and a copy while another
/// thread forks, which waits for that. Distinct Objects may be used by distinct threads, copies of one too; one
/// Object by one thread at a time, as any value.
///
/// After fork() the child's inherited Objects are references of its own, if its Client could follow; else they are
/// none, and their bytes stay readable only as long as the parent keeps its own. See Client.
class DOLIUM_API Object {
 public:
  /// Holds nothing: empty data.
  Object() noexcept = default;
  /// Internal: takes over a reference that was already counted.
  explicit Object(const detail::ObjectView& counted) noexcept : view_(counted) {}
  Object(const Object& other) noexcept;
  Object(Object&& other) noexcept : view_(other.view_) { other.view_ = {}; }
  Object& operator=(const Object& other) noexcept;
  Object& operator=(Object&& other) noexcept;
  ~Object() {
    if (view_.attachment != nullptr) release();
  }

  /// False for a default-constructed or moved-from Object.
  [[nodiscard]] bool holds() const noexcept { return view_.attachment != nullptr; }

  /// 64-byte aligned, read-only memory shared with all other processes: a write to it is a SIGSEGV.
  [[nodiscard]] std::span<const std::byte> data() const noexcept { return {view_.bytes, view_.data_size}; }
  [[nodiscard]] std::span<const std::byte> metadata() const noexcept {
    return {view_.bytes + view_.data_size, view_.metadata_size};
  }
  /// The data as an array of T, without a copy. type_mismatch when the object was stored as another type than T or an
  /// array of T, when the size is no multiple of T's, or T wants more alignment than there is. Raw bytes (tag 0) may be
  /// anything; std::byte, char and unsigned char may look at everything. Valid as long as this Object or a copy of it
  /// lives.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] Result<std::span<const T>> as_span() const {
    if (!detail::can_be_viewed_as<T>(view_.type_tag) && !detail::is_numpy_array_of(*this, detail::element_name<T>()))
      return detail::element_mismatch(view_.id, view_.type_tag, detail::element_name<T>());
    const bool misaligned = reinterpret_cast<std::uintptr_t>(view_.bytes) % alignof(T) != 0;
    if (misaligned || view_.data_size % sizeof(T) != 0)
      return detail::span_mismatch(view_.id, view_.data_size, sizeof(T), misaligned);
    return std::span<const T>(reinterpret_cast<const T*>(view_.bytes), view_.data_size / sizeof(T));
  }

  [[nodiscard]] const ObjectId& id() const noexcept { return view_.id; }
  [[nodiscard]] std::uint64_t type_tag() const noexcept { return view_.type_tag; }

  /// Lets go now instead of at destruction.
  void reset() noexcept { *this = Object(); }

  /// Internal.
  [[nodiscard]] const detail::ObjectView& view() const noexcept { return view_; }

 private:
  void release() noexcept;

  detail::ObjectView view_;
};

}  // namespace dolium
