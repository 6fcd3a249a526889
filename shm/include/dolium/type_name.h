#pragma once
// The stored names of types, and their tags. client/CODECS.md has the rules for every language; codec.h uses them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>

#include <dolium/export.h>

namespace dolium {

namespace detail {
/// FNV-1a, 64 bits. Never 0: that means raw bytes.
constexpr std::uint64_t type_hash(std::string_view name, std::uint64_t salt = 0) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ salt;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash == 0 ? 1 : hash;
}
/// The tag of an array of a type.
constexpr std::uint64_t array_tag(std::uint64_t element) noexcept {
  return type_hash("[]", element);
}
/// One more part of a type, hashed as its tag's eight bytes, the lowest first.
constexpr std::uint64_t part_salt(std::uint64_t tag, std::uint64_t salt) noexcept {
  std::array<char, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(tag >> (8 * i));
  return type_hash({bytes.data(), bytes.size()}, salt);
}
/// The tag of "tuple", "optional" or "map" with these parts.
constexpr std::uint64_t composite_tag(std::string_view kind, std::initializer_list<std::uint64_t> parts) noexcept {
  std::uint64_t salt = 0;
  for (const std::uint64_t part : parts) salt = part_salt(part, salt);
  return type_hash(kind, salt);
}

template <class T>
constexpr std::string_view with_compiler_name() {
  return __PRETTY_FUNCTION__;  // "... [with T = demo::Result; ...]" (g++), "... [T = demo::Result]" (clang++)
}
/// The type's name within with_compiler_name(). The text around it is found with a known type, since the name itself
/// can contain any of it.
template <class T>
constexpr std::string_view compiler_name() {
  constexpr std::string_view kKnown = "double";
  constexpr std::string_view around = with_compiler_name<double>();
  constexpr std::size_t before = around.rfind(kKnown);
  constexpr std::size_t behind = around.size() - before - kKnown.size();
  constexpr std::string_view pretty = with_compiler_name<T>();
  return pretty.substr(before, pretty.size() - before - behind);
}

// Standard C++ does not count these among the integers.
__extension__ typedef __int128 Int128;            // NOLINT(modernize-use-using): `using` takes no __extension__
__extension__ typedef unsigned __int128 Uint128;  // NOLINT(modernize-use-using)

/// "c64" or "c128". By its name, because <complex> is large; the libraries have namespaces of their own within std.
template <class T>
constexpr std::string_view complex_name() {
  constexpr std::string_view name = compiler_name<T>();
  if (!name.starts_with("std::")) return {};
  return name.ends_with("complex<float>") ? "c64" : name.ends_with("complex<double>") ? "c128" : "";
}

template <class T>
constexpr std::string_view built_in_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_same_v<T, Int128>)
    return "i128";
  else if constexpr (std::is_same_v<T, Uint128>)
    return "u128";
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    return sizeof(T) == 1 ? "i8" : sizeof(T) == 2 ? "i16" : sizeof(T) == 4 ? "i32" : "i64";
  else if constexpr (std::is_integral_v<T>)
    return sizeof(T) == 1 ? "u8" : sizeof(T) == 2 ? "u16" : sizeof(T) == 4 ? "u32" : "u64";
  else if constexpr (std::is_same_v<T, float>)
    return "f32";
  else if constexpr (std::is_same_v<T, double>)
    return "f64";
  else if constexpr (!complex_name<T>().empty())
    return complex_name<T>();
  else
    return compiler_name<T>();
}

/// Texts, one behind the other, at compile time.
template <const std::string_view&... kParts>
struct Joined {
  static constexpr std::size_t kSize = (kParts.size() + ... + 0);
  static constexpr std::array<char, kSize> kChars = [] {
    std::array<char, kSize> out{};
    std::size_t at = 0;
    for (const std::string_view part : {kParts...})
      for (const char c : part) out[at++] = c;
    return out;
  }();
  static constexpr std::string_view kText{kChars.data(), kSize};
};
inline constexpr std::string_view kArraySuffix = "[]";
inline constexpr std::string_view kComma = ",";
inline constexpr std::string_view kClose = ">";
inline constexpr std::string_view kTupleOpen = "tuple<";
inline constexpr std::string_view kOptionalOpen = "optional<";
inline constexpr std::string_view kMapOpen = "map<";

/// "@12"
template <std::uint32_t Version>
struct VersionText {
  static constexpr std::size_t kSize = [] {
    std::size_t size = 2;
    for (std::uint32_t rest = Version; rest >= 10; rest /= 10) ++size;
    return size;
  }();
  static constexpr std::array<char, kSize> kChars = [] {
    std::array<char, kSize> out{'@'};
    std::uint32_t rest = Version;
    for (std::size_t i = kSize - 1; i > 0; --i, rest /= 10) out[i] = static_cast<char>('0' + rest % 10);
    return out;
  }();
  static constexpr std::string_view kText{kChars.data(), kSize};
};
/// Of a codec with a version.
template <class C>
struct VersionedName {
  static constexpr std::string_view kName = C::type_name;
  static constexpr std::string_view kText = Joined<kName, VersionText<C::version>::kText>::kText;
};
}  // namespace detail

/// The stored name of a trivially copyable type. Can be specialised.
template <class T>
inline constexpr std::string_view type_name = detail::built_in_name<T>();

}  // namespace dolium
