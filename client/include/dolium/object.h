#pragma once
// Object: a counted reference to a sealed object and its bytes, in place. While a copy of it lives, the memory is
// neither evicted nor reused, even if the object is removed. The bytes stay readable after the end of the client that
// got it, and after the daemon's end.

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
class PrivateCopy;

namespace detail {
class Attachment;

/// Internal: where the bytes of an Object are, and its reference.
struct ObjectView {
  Attachment* attachment = nullptr;  // counted
  const std::byte* bytes = nullptr;
  std::uint64_t data_size = 0;
  std::uint64_t type_tag = 0;
  std::uint32_t metadata_size = 0;
  std::uint32_t slot = 0;
  ObjectId id;
};

/// Whether the object is a numpy array whose element type is `element_name`, or is unknown.
[[nodiscard]] DOLIUM_API bool is_numpy_array_of(const Object& object, std::string_view element_name);
/// Whether it is one of a single dimension, of exactly the object's bytes: what a std::vector is stored as.
[[nodiscard]] DOLIUM_API bool is_numpy_vector_of(const Object& object, std::string_view element_name,
                                                 std::size_t element_size);
/// Whether it is a scalar of numpy's of this type.
[[nodiscard]] DOLIUM_API bool is_numpy_scalar_of(const Object& object, std::string_view name);
[[nodiscard]] DOLIUM_API Error bool_mismatch(const ObjectId& id);
[[nodiscard]] DOLIUM_API Error element_mismatch(const Object& object, std::string_view element_name);
[[nodiscard]] DOLIUM_API Error span_mismatch(const ObjectId& id, std::uint64_t size, std::size_t element_size,
                                             bool misaligned);
}  // namespace detail

/// A copy is another reference and costs about 10 ns. No call makes a system call or waits, with two exceptions: the
/// last release wakes the daemon if a create waits for room, and a copy waits while another thread is in fork().
/// Different threads may use different Objects, also copies of one; one thread at a time may use one Object.
///
/// After fork(), inherited Objects are references of the child, if its Client could follow. If not, the bytes stay
/// readable only while the parent holds them. See Client.
class DOLIUM_API Object {
 public:
  /// Holds nothing; data() is empty.
  Object() noexcept = default;
  /// Internal: takes over a counted reference.
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

  /// The object's bytes: read-only memory, aligned to 64 bytes, shared with other processes. A write raises SIGSEGV.
  [[nodiscard]] std::span<const std::byte> data() const noexcept { return {view_.bytes, view_.data_size}; }
  [[nodiscard]] std::span<const std::byte> metadata() const noexcept {
    return {view_.bytes + view_.data_size, view_.metadata_size};
  }
  /// The data as an array of T, without a copy. Valid while this Object or a copy of it lives. type_mismatch if the
  /// object was stored as a type other than T or an array of T, if its size is no multiple of T's, or if its alignment
  /// is too small for T. Raw bytes (tag 0) can be viewed as any T, and every object as std::byte, char or unsigned
  /// char. For bool, it reads all bytes: each must be 0 or 1.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] Result<std::span<const T>> as_span() const {
    if (!detail::can_be_viewed_as<T>(view_.type_tag) && !detail::is_numpy_array_of(*this, detail::element_name<T>()))
      return detail::element_mismatch(*this, detail::element_name<T>());
    const bool misaligned = reinterpret_cast<std::uintptr_t>(view_.bytes) % alignof(T) != 0;
    if (misaligned || view_.data_size % sizeof(T) != 0)
      return detail::span_mismatch(view_.id, view_.data_size, sizeof(T), misaligned);
    if constexpr (std::is_same_v<T, bool>)
      if (!detail::are_bools(data())) return detail::bool_mismatch(view_.id);
    return std::span<const T>(reinterpret_cast<const T*>(view_.bytes), view_.data_size / sizeof(T));
  }

  /// A writable copy of the data for this process alone, which costs memory only for pages that are written: see
  /// PrivateCopy (private_copy.h). out_of_memory names the limit of the kernel that refused it; invalid_argument if
  /// this holds no object.
  [[nodiscard]] Result<PrivateCopy> private_copy() const;

  [[nodiscard]] const ObjectId& id() const noexcept { return view_.id; }
  [[nodiscard]] std::uint64_t type_tag() const noexcept { return view_.type_tag; }
  /// The name of the type that was stored with the object, as list() shows it; empty if there is none. In the store's
  /// memory: valid while this Object or a copy of it lives. It is the creator's text: escape it before you print it.
  [[nodiscard]] std::string_view type_name() const noexcept;

  /// Releases the reference now.
  void reset() noexcept { *this = Object(); }

  /// Internal.
  [[nodiscard]] const detail::ObjectView& view() const noexcept { return view_; }
  /// Internal: the caller has taken over the counted reference; this holds nothing.
  void give_up() noexcept { view_.attachment = nullptr; }

 private:
  void release() noexcept;

  detail::ObjectView view_;
};

}  // namespace dolium
