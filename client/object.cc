#include <dolium/codec.h>
#include <dolium/object.h>

#include <fmt/format.h>

#include "client/attachment.h"

namespace dolium {

Object::Object(const Object& other) noexcept : view_(other.view_) {
  if (holds()) view_.attachment->hold_again(view_.slot);
}

Object& Object::operator=(const Object& other) noexcept {
  Object copy(other);
  std::swap(view_, copy.view_);
  return *this;
}

Object& Object::operator=(Object&& other) noexcept {
  Object moved(std::move(other));
  std::swap(view_, moved.view_);
  return *this;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes what the object stands for
void Object::release() noexcept {
  view_.attachment->release(view_.slot);
}

namespace detail {

Error span_mismatch(const ObjectId& id, std::uint64_t size, std::size_t element_size, bool misaligned) {
  if (misaligned)
    return {
        Errc::type_mismatch,
        fmt::format(
            "object {} lies at an address that elements of this type cannot have: copy its bytes to where they can lie",
            id.hex())};
  return {Errc::type_mismatch,
          fmt::format("object {} has {} bytes, which is no multiple of the {} of an element: it was put as something "
                      "else",
                      id.hex(), size, element_size)};
}

Error wrong_size(std::string_view type_name, std::uint64_t size, std::uint64_t expected) {
  return {Errc::type_mismatch, fmt::format("a stored {} has {} bytes where {} were expected: it was put by a program "
                                           "that means something else by that name",
                                           type_name, size, expected)};
}

}  // namespace detail
}  // namespace dolium
