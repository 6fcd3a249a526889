#include <dolium/codec.h>
#include <dolium/object.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "client/mapped/attachment.h"
#include "shm/types/type_names.h"

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

std::string_view Object::type_name() const noexcept {
  return holds() ? view_.attachment->type_name(view_) : std::string_view();
}

// NOLINTNEXTLINE(readability-make-member-function-const): it ends the reference
void Object::release() noexcept {
  view_.attachment->release(view_.slot);
}

namespace detail {
namespace {

/// numpy's name of an element type in a .npy header.
std::string_view numpy_name(std::string_view element) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"bool", "|b1"}, {"i8", "|i1"},  {"u8", "|u1"},  {"i16", "<i2"}, {"u16", "<u2"}, {"i32", "<i4"},  {"u32", "<u4"},
      {"i64", "<i8"},  {"u64", "<u8"}, {"f32", "<f4"}, {"f64", "<f8"}, {"c64", "<c8"}, {"c128", "<c16"}};
  const auto* known = std::ranges::find(kNames, element, [](const auto& each) { return each.first; });
  return known == std::end(kNames) ? std::string_view() : known->second;
}

/// What stands behind this key in the header of a numpy array; empty if it is not there.
std::string_view numpy_field(const Object& object, std::string_view key) {
  const auto metadata = object.metadata();
  const std::string_view header(reinterpret_cast<const char*>(metadata.data()), metadata.size());
  const std::size_t at = header.find(key);
  return at == std::string_view::npos ? std::string_view() : header.substr(at + key.size());
}

/// Whether the header names these elements.
bool has_elements(const Object& object, std::string_view element_name) {
  const std::string_view type = numpy_field(object, "'descr': ");
  if (type.empty()) return false;
  const std::string_view wanted = numpy_name(element_name);
  // A record type is a list of fields; a C++ struct does not tell the names of its fields.
  if (wanted.empty()) return type.starts_with('[');
  return type.starts_with('\'') && type.substr(1).starts_with(wanted) &&
         type.substr(1 + wanted.size()).starts_with('\'');
}

}  // namespace

bool is_numpy_array_of(const Object& object, std::string_view element_name) {
  return object.type_tag() == type_hash("numpy.ndarray") && has_elements(object, element_name);
}

bool is_numpy_scalar_of(const Object& object, std::string_view name) {
  return object.type_tag() == type_hash("numpy.scalar") && !numpy_name(name).empty() && has_elements(object, name);
}

bool is_numpy_vector_of(const Object& object, std::string_view element_name, std::size_t element_size) {
  if (numpy_name(element_name).empty() || !is_numpy_array_of(object, element_name)) return false;
  std::string_view shape = numpy_field(object, "'shape': (");
  std::uint64_t count = 0;
  const auto [behind, error] = std::from_chars(shape.data(), shape.data() + shape.size(), count);
  if (error != std::errc()) return false;
  shape.remove_prefix(static_cast<std::size_t>(behind - shape.data()));
  const std::uint64_t size = object.data().size();
  return shape.starts_with(",)") && size % element_size == 0 && size / element_size == count;
}

Error bool_mismatch(const ObjectId& id) {
  return {Errc::type_mismatch, fmt::format("object {} holds bytes other than 0 and 1: they are no bools", id.hex())};
}

Error element_mismatch(const Object& object, std::string_view element_name) {
  const std::string stored = type_in_words(object.type_tag(), object.type_name());
  const std::string_view name = object.type_name();
  const bool same_name = name == element_name || name == fmt::format("{}[]", element_name);
  return {Errc::type_mismatch,
          fmt::format("object {} holds {}, not {} or {}[]{}: data() gives its bytes", object.id().hex(), stored,
                      element_name, element_name, same_name ? " of this program (their sizes differ)" : "")};
}

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

}  // namespace detail
}  // namespace dolium
