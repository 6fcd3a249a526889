#include <dolium/codec.h>
#include <dolium/object.h>

#include <fmt/format.h>

#include <algorithm>
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

// NOLINTNEXTLINE(readability-make-member-function-const): it ends the reference
void Object::release() noexcept {
  view_.attachment->release(view_.slot);
}

namespace detail {
namespace {

/// numpy's name of an element type in a .npy header.
std::string_view numpy_name(std::string_view element) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {{"bool", "|b1"},
                                                                      {"i8", "|i1"},
                                                                      {"u8", "|u1"},
                                                                      {"i16", "<i2"},
                                                                      {"u16", "<u2"},
                                                                      {"i32", "<i4"},
                                                                      {"u32", "<u4"},
                                                                      {"i64", "<i8"},
                                                                      {"u64", "<u8"},
                                                                      {"f32", "<f4"},
                                                                      {"f64", "<f8"},
                                                                      {"std::complex<double>", "<c16"},
                                                                      {"std::complex<float>", "<c8"}};
  const auto* known = std::ranges::find(kNames, element, [](const auto& each) { return each.first; });
  return known == std::end(kNames) ? std::string_view() : known->second;
}

}  // namespace

bool is_numpy_array_of(const Object& object, std::string_view element_name) {
  if (object.type_tag() != type_hash("numpy.ndarray")) return false;
  constexpr std::string_view kKey = "'descr': ";
  const auto metadata = object.metadata();
  const std::string_view header(reinterpret_cast<const char*>(metadata.data()), metadata.size());
  const std::size_t key = header.find(kKey);
  if (key == std::string_view::npos) return false;
  const std::string_view type = header.substr(key + kKey.size());
  const std::string_view wanted = numpy_name(element_name);
  // A record type is a list of fields; a C++ struct does not tell the names of its fields.
  if (wanted.empty()) return type.starts_with('[');
  return type.starts_with('\'') && type.substr(1).starts_with(wanted) &&
         type.substr(1 + wanted.size()).starts_with('\'');
}

Error element_mismatch(const ObjectId& id, std::uint64_t tag, std::string_view element_name) {
  const std::string_view known = known_type_name(tag);
  const std::string stored =
      known.empty() ? fmt::format("another type (tag {:016x}, which `dolium inspect` names)", tag) : std::string(known);
  return {Errc::type_mismatch, fmt::format("object {} was stored as {}, not as {} or {}[]: data() gives its bytes",
                                           id.hex(), stored, element_name, element_name)};
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

Error wrong_size(std::string_view type_name, std::uint64_t size, std::uint64_t expected) {
  return {Errc::type_mismatch, fmt::format("a stored {} has {} bytes where {} were expected: it was put by a program "
                                           "that means something else by that name",
                                           type_name, size, expected)};
}

}  // namespace detail
}  // namespace dolium
