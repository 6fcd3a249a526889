#pragma once
// The type names that this library knows itself, with their tags: those of built-in codecs (<dolium/codec.h>) and of
// what the Python package puts. A name says what an object is; its tag decides what reads it.

#include <cstdint>
#include <string>
#include <string_view>

namespace dolium {

/// "f64[]", or empty for a tag of none of them.
[[nodiscard]] std::string_view known_type_name(std::uint64_t tag) noexcept;

struct NamedType {
  std::string name;
  std::uint64_t tag = 0;
};
/// What put<T>() stores of a T that people call `text`: "f64", "i32[]", "utf8" ("string" is another word for it); of
/// any other text, what a Codec of that type_name stores, or of a range of such ("NAME[]").
[[nodiscard]] NamedType type_called(std::string_view text);

}  // namespace dolium
