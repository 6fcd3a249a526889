#pragma once
// The type names that this library knows, with their tags: those of the built-in codecs (<dolium/codec.h>) and of the
// Python package. A name describes an object to people. Its tag selects the codec that reads it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <dolium/result.h>

namespace dolium {

/// The name for a tag, such as "f64[]"; empty if the tag is unknown.
[[nodiscard]] std::string_view known_type_name(std::uint64_t tag) noexcept;

struct NamedType {
  std::string name;
  std::uint64_t tag = 0;
};
/// The name and tag that put<T>() stores for a type written as `text`: "f64", "i32[]", "utf8" (or "string"). Any other
/// text is the type_name of a Codec, or "NAME[]" for a range of such elements.
[[nodiscard]] NamedType type_called(std::string_view text);

/// A stored type in words, for errors: "f64[]", the name that was stored with the object, "raw bytes", or "a type
/// without a name (tag 0123456789abcdef)". Printable.
[[nodiscard]] std::string type_in_words(std::uint64_t tag, std::string_view stored_name);

/// invalid_argument if no value of the type has this size. Types whose values have their own sizes, and types that this
/// library does not know, can have any.
[[nodiscard]] Result<void> check_value_size(std::string_view type_name, std::uint64_t size);
/// The same; also if the bytes of a "bool", "bool[]" or "utf8" are none.
[[nodiscard]] Result<void> check_value(std::string_view type_name, std::span<const std::byte> bytes);

}  // namespace dolium
