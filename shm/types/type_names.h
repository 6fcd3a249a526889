#pragma once
// The type names that this library knows, with their tags: those of the built-in codecs (<dolium/codec.h>) and of the
// Python package. A name describes an object to people. Its tag selects the codec that reads it.

#include <cstdint>
#include <string>
#include <string_view>

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

}  // namespace dolium
