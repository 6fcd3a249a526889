#pragma once
// View<T>: the elements of an object, in place, and the reference that keeps them there.

#include <cstddef>
#include <span>
#include <utility>

#include <dolium/codec.h>
#include <dolium/object.h>

namespace dolium {

/// A read-only range like std::span<const T>, which also holds its object: the elements are valid while the View, or a
/// copy of it, lives. A copy is another reference, as for Object. One thread at a time may use one View. A View that is
/// put is stored as its elements, like a std::vector<T>.
template <class T>
class View {
 public:
  using element_type = const T;
  using value_type = T;
  using iterator = const T*;

  /// No elements, and no object.
  View() noexcept = default;
  /// type_mismatch as Object::as_span().
  [[nodiscard]] static Result<View> of(Object object) {
    const Result<std::span<const T>> elements = object.as_span<T>();
    if (!elements) return elements.error();
    return View(std::move(object), *elements);
  }

  [[nodiscard]] const T* data() const noexcept { return elements_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return elements_.size(); }
  [[nodiscard]] bool empty() const noexcept { return elements_.empty(); }
  [[nodiscard]] const T* begin() const noexcept { return elements_.data(); }
  [[nodiscard]] const T* end() const noexcept { return elements_.data() + elements_.size(); }
  /// Precondition: index < size().
  const T& operator[](std::size_t index) const noexcept { return elements_[index]; }

  /// Valid while this View or a copy of it lives: not of a temporary.
  [[nodiscard]] std::span<const T> span() const& noexcept { return elements_; }
  void span() && = delete;
  [[nodiscard]] const Object& object() const noexcept { return object_; }

 private:
  View(Object object, std::span<const T> elements) noexcept : object_(std::move(object)), elements_(elements) {}

  Object object_;
  std::span<const T> elements_;
};

}  // namespace dolium
