#pragma once
// Codec<T>: how a T becomes bytes and back, and the tag that keeps types apart: a get<T>() of an object that
// was put as another type is Errc::type_mismatch, never a reinterpretation.
//
// Built in: trivially copyable types, contiguous ranges of them (a vector<T>, an array<T, N> and a span<const T>
// are the same thing on the wire: "T[]"), and std::string. For a type of your own, specialise Codec:
//
//   template <> struct dolium::Codec<Graph> {
//     static constexpr std::string_view type_name = "acme.Graph.v2";
//     static std::uint64_t size(const Graph&);                                  // bytes that encode() writes
//     static void encode(const Graph&, std::span<std::byte> out);               // out.size() == size()
//     static dolium::Result<Graph> decode(std::span<const std::byte> in);
//   };
//
// The tag is a hash of type_name. A built-in codec takes the type's name from the compiler: programs that
// exchange objects of their own types between compilers should specialise dolium::type_name<T>.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <dolium/result.h>

namespace dolium {

namespace detail {
/// FNV-1a, 64 bit. Never 0, which means "raw bytes".
constexpr std::uint64_t type_hash(std::string_view name, std::uint64_t salt = 0) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ salt;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash == 0 ? 1 : hash;
}

template <class T>
constexpr std::string_view with_compiler_name() {
  return __PRETTY_FUNCTION__;  // "... [with T = demo::Result; ...]" (g++), "... [T = demo::Result]" (clang++)
}
/// A type's own name may hold any of what stands around it: what that is, is seen by another type's.
template <class T>
constexpr std::string_view compiler_name() {
  constexpr std::string_view kKnown = "double";
  constexpr std::string_view around = with_compiler_name<double>();
  constexpr std::size_t before = around.rfind(kKnown);
  constexpr std::size_t behind = around.size() - before - kKnown.size();
  constexpr std::string_view pretty = with_compiler_name<T>();
  return pretty.substr(before, pretty.size() - before - behind);
}

template <class T>
constexpr std::string_view built_in_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    return sizeof(T) == 1 ? "i8" : sizeof(T) == 2 ? "i16" : sizeof(T) == 4 ? "i32" : "i64";
  else if constexpr (std::is_integral_v<T>)
    return sizeof(T) == 1 ? "u8" : sizeof(T) == 2 ? "u16" : sizeof(T) == 4 ? "u32" : "u64";
  else if constexpr (std::is_same_v<T, float>)
    return "f32";
  else if constexpr (std::is_same_v<T, double>)
    return "f64";
  else
    return compiler_name<T>();
}

[[nodiscard]] DOLIUM_API Error wrong_size(std::string_view type_name, std::uint64_t size, std::uint64_t expected);
}  // namespace detail

/// The name of a trivially copyable type, as stored with objects. Specialise it to make it your own.
template <class T>
inline constexpr std::string_view type_name = detail::built_in_name<T>();

template <class T>
struct Codec;

/// Views and pointers are trivially copyable too, but their bytes mean nothing in another process.
template <class T>
concept PlainData =
    std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T> &&
    !std::is_member_pointer_v<T> && !std::is_array_v<T> && !std::is_same_v<T, std::nullptr_t> && !std::ranges::range<T>;
/// An array, vector or span of plain data; not a string.
template <class T>
concept PlainRange = std::ranges::contiguous_range<T> && std::ranges::sized_range<T> &&
                     PlainData<std::ranges::range_value_t<T>> && !std::is_array_v<T> &&
                     !std::is_convertible_v<T, std::string_view>;
/// What put() takes as raw bytes, whatever codecs there are.
template <class T>
concept ByteRange = std::is_convertible_v<const T&, std::span<const std::byte>>;

template <class T>
concept Encodable = !ByteRange<T> && requires(const T& value, std::span<std::byte> out) {
  { Codec<T>::type_name } -> std::convertible_to<std::string_view>;
  { Codec<T>::size(value) } -> std::convertible_to<std::uint64_t>;
  Codec<T>::encode(value, out);
};
template <class T>
concept Decodable = requires(std::span<const std::byte> in) {
  { Codec<T>::decode(in) } -> std::same_as<Result<T>>;
};

/// What a stored T comes back as: itself; a vector, when T is a view of elements that lie elsewhere.
template <class T>
struct StoredAs {
  using type = T;
};
template <PlainRange T>
requires std::ranges::view<T>
struct StoredAs<T> {
  using type = std::vector<std::ranges::range_value_t<T>>;
};

/// The tag that put(const T&) stores and get<T>() asks for.
template <class T>
[[nodiscard]] constexpr std::uint64_t type_tag_of() {
  if constexpr (requires { Codec<T>::type_tag; })
    return Codec<T>::type_tag;
  else
    return detail::type_hash(Codec<T>::type_name);
}

template <PlainData T>
struct Codec<T> {
  static constexpr std::string_view type_name = dolium::type_name<T>;
  /// The size is part of the type: a struct that grew is another type.
  static constexpr std::uint64_t type_tag = detail::type_hash(type_name, sizeof(T));
  static std::uint64_t size(const T&) { return sizeof(T); }
  static void encode(const T& value, std::span<std::byte> out) { std::memcpy(out.data(), &value, sizeof(T)); }
  static Result<T> decode(std::span<const std::byte> in) {
    if (in.size() != sizeof(T)) return detail::wrong_size(type_name, in.size(), sizeof(T));
    T value;
    std::memcpy(&value, in.data(), sizeof(T));
    return value;
  }
};

template <PlainRange T>
struct Codec<T> {
  using Element = std::ranges::range_value_t<T>;

  static constexpr std::string_view type_name = dolium::type_name<Element>;
  static constexpr std::uint64_t type_tag = detail::type_hash("[]", detail::type_hash(type_name, sizeof(Element)));
  static std::uint64_t size(const T& values) { return std::ranges::size(values) * sizeof(Element); }
  static void encode(const T& values, std::span<std::byte> out) {
    if (!out.empty()) std::memcpy(out.data(), std::ranges::data(values), out.size());
  }
  static Result<T> decode(std::span<const std::byte> in) requires(!std::ranges::view<T>) {
    const std::size_t count = in.size() / sizeof(Element);
    if (in.size() % sizeof(Element) != 0) return detail::wrong_size(type_name, in.size(), count * sizeof(Element));
    T values{};
    if constexpr (requires { values.resize(count); }) values.resize(count);
    if (std::ranges::size(values) != count)
      return detail::wrong_size(type_name, in.size(), std::ranges::size(values) * sizeof(Element));
    if (!in.empty()) std::memcpy(std::ranges::data(values), in.data(), in.size());
    return values;
  }
};

template <>
struct Codec<std::string> {
  static constexpr std::string_view type_name = "string";
  static std::uint64_t size(const std::string& text) { return text.size(); }
  static void encode(const std::string& text, std::span<std::byte> out) {
    if (!out.empty()) std::memcpy(out.data(), text.data(), out.size());
  }
  static Result<std::string> decode(std::span<const std::byte> in) {
    return std::string(reinterpret_cast<const char*>(in.data()), in.size());
  }
};

}  // namespace dolium
