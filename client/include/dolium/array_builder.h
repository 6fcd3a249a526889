#pragma once
// ArrayBuilder<T>: an array that is being written, in the store's memory. Made by ObjectStore::create_array().

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <dolium/codec.h>
#include <dolium/object_builder.h>
#include <dolium/view.h>

namespace dolium {

/// An ObjectBuilder whose bytes are elements. All that ObjectBuilder says of its memory holds here, too.
template <class T>
class ArrayBuilder {
 public:
  /// Internal: made by ObjectStore::create_array(). The elements begin their lives here, with unspecified values.
  explicit ArrayBuilder(ObjectBuilder builder) : builder_(std::move(builder)) {
    const std::span<std::byte> bytes = builder_.data();
    auto* const first = reinterpret_cast<T*>(bytes.data());
    elements_ = {first, bytes.size() / sizeof(T)};
  }
  ArrayBuilder(ArrayBuilder&& other) noexcept
      : builder_(std::move(other.builder_)), elements_(std::exchange(other.elements_, {})) {}
  ArrayBuilder& operator=(ArrayBuilder&& other) noexcept {
    builder_ = std::move(other.builder_);
    elements_ = std::exchange(other.elements_, {});
    return *this;
  }
  ~ArrayBuilder() = default;

  /// The elements, to be written; empty after seal() or abort().
  [[nodiscard]] std::span<T> data() noexcept { return elements_; }
  [[nodiscard]] std::size_t size() const noexcept { return elements_.size(); }
  [[nodiscard]] T* begin() noexcept { return elements_.data(); }
  [[nodiscard]] T* end() noexcept { return elements_.data() + elements_.size(); }
  /// Precondition: index < size().
  T& operator[](std::size_t index) noexcept { return elements_[index]; }

  /// As ObjectBuilder::seal().
  Result<ObjectId> seal() {
    elements_ = {};
    return builder_.seal();
  }
  /// seal(), and returns a view that is taken before the object can be evicted or removed.
  Result<View<T>> seal_and_hold() {
    elements_ = {};
    Result<Object> object = builder_.seal_and_hold();
    if (!object) return std::move(object).error();
    return View<T>::of(*std::move(object));
  }
  /// As ObjectBuilder::abort().
  Result<void> abort() {
    elements_ = {};
    return builder_.abort();
  }
  [[nodiscard]] const ObjectId& id() const noexcept { return builder_.id(); }

 private:
  ObjectBuilder builder_;
  std::span<T> elements_;
};

}  // namespace dolium
