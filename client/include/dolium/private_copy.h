#pragma once
// PrivateCopy: a writable copy of a sealed object's data, for code that insists on writing to its input. The copy
// shares the object's pages until they are written (copy on write), so it costs only the pages that are written.

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

#include <dolium/export.h>
#include <dolium/object.h>

namespace dolium {

namespace detail {
class PrivateMemory;
}

/// Made by Object::private_copy(). A resource: moves. One thread at a time may write to it.
///
/// No other process, no other copy and no later get sees the writes. The object stays held while the copy lives, since
/// pages that were not written yet are the object's; so the copy stays valid after the end of the client, after the
/// daemon's end and after remove(), like an Object. To share the result, put it.
///
/// An object below 8 KiB, and any object of a store with `huge_pages = on` (pages of the reserved 2 MiB pool), is
/// copied at once.
///
/// A child of fork() has its own copy, with what was written before fork(). Its unwritten pages are the object's: they
/// stay valid as long as the child's Objects do. See Client.
class DOLIUM_API PrivateCopy {
 public:
  /// Holds nothing; data() is empty.
  PrivateCopy() noexcept;
  PrivateCopy(PrivateCopy&& other) noexcept;
  PrivateCopy& operator=(PrivateCopy&& other) noexcept;
  ~PrivateCopy();

  /// Writable, aligned to 64 bytes.
  [[nodiscard]] std::span<std::byte> data() const noexcept;
  /// The data as an array of T, writable. Errors as Object::as_span().
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] Result<std::span<T>> as_span() const {
    const Result<std::span<const T>> shared = object_.as_span<T>();
    if (!shared) return shared.error();
    return std::span<T>(reinterpret_cast<T*>(data().data()), shared->size());
  }
  /// The object that this is a copy of: its data as they were sealed, its metadata, id and type.
  [[nodiscard]] const Object& object() const noexcept { return object_; }

 private:
  friend class Object;
  PrivateCopy(Object object, std::unique_ptr<detail::PrivateMemory> memory) noexcept;

  Object object_;  // before the memory, whose unwritten pages are the object's
  std::unique_ptr<detail::PrivateMemory> memory_;
};

}  // namespace dolium
