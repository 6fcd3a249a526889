#pragma once
// Codec<T>: converts a T to bytes and back, and has a tag for the type: get<T>() of an object that was put as another
// type fails with Errc::type_mismatch; bytes are never reinterpreted.
//
// Built in: trivially copyable types ("f64", "i32", or a struct's name), contiguous ranges of them (a vector<T>, an
// array<T, N> and a span<const T> have the same stored form: "f64[]", "i32[]"), and std::string ("utf8"). For another
// type, specialise Codec:
//
//   template <> struct dolium::Codec<Graph> {
//     static constexpr std::string_view type_name = "acme.Graph";
//     static constexpr std::uint32_t version = 2;                               // optional: of the schema
//     static std::uint64_t size(const Graph&);                                  // bytes that encode() writes
//     static void encode(const Graph&, std::span<std::byte> out);               // out.size() == size()
//     static dolium::Result<Graph> decode(std::span<const std::byte> in);
//   };
//
// The tag is a hash of the stored name: type_name, or with a version "acme.Graph@2". A built-in codec uses the
// compiler's name of the type, and adds its size to the tag. If programs of different compilers exchange objects of
// your types, specialise dolium::type_name<T>.
//
// Two structs with the same name and size but different members cannot be told apart. Give them versions; this works
// for the struct and for ranges of it:
//
//   template <> struct dolium::Codec<Point> : dolium::PlainCodec<Point> {
//     static constexpr std::uint32_t version = 2;                               // stored as "Point@2", "Point@2[]"
//   };

#include <array>
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
/// FNV-1a, 64 bits. Never 0: that means raw bytes.
constexpr std::uint64_t type_hash(std::string_view name, std::uint64_t salt = 0) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ salt;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash == 0 ? 1 : hash;
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

template <class T>
constexpr std::string_view built_in_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    return sizeof(T) == 1 ? "i8" : sizeof(T) == 2 ? "i16" : sizeof(T) == 4 ? "i32" : sizeof(T) == 8 ? "i64" : "i128";
  else if constexpr (std::is_integral_v<T>)
    return sizeof(T) == 1 ? "u8" : sizeof(T) == 2 ? "u16" : sizeof(T) == 4 ? "u32" : sizeof(T) == 8 ? "u64" : "u128";
  else if constexpr (std::is_same_v<T, float>)
    return "f32";
  else if constexpr (std::is_same_v<T, double>)
    return "f64";
  else
    return compiler_name<T>();
}

[[nodiscard]] DOLIUM_API Error wrong_size(std::string_view type_name, std::uint64_t size, std::uint64_t expected);
}  // namespace detail

/// The stored name of a trivially copyable type. Can be specialised.
template <class T>
inline constexpr std::string_view type_name = detail::built_in_name<T>();

template <class T>
struct Codec;

/// Views and pointers are trivially copyable too, but their bytes have no meaning in another process.
template <class T>
concept PlainData =
    std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T> &&
    !std::is_member_pointer_v<T> && !std::is_array_v<T> && !std::is_same_v<T, std::nullptr_t> && !std::ranges::range<T>;
/// An array, vector or span of plain data; not a string.
template <class T>
concept PlainRange = std::ranges::contiguous_range<T> && std::ranges::sized_range<T> &&
                     PlainData<std::ranges::range_value_t<T>> && !std::is_array_v<T> &&
                     !std::is_convertible_v<T, std::string_view>;
/// Types that put() stores as raw bytes, even if they have a codec.
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

/// The type that get() returns for a stored T: T itself, or a vector if T is a view.
template <class T>
struct StoredAs {
  using type = T;
};
template <PlainRange T>
requires std::ranges::view<T>
struct StoredAs<T> {
  using type = std::vector<std::ranges::range_value_t<T>>;
};

namespace detail {
template <std::size_t N>
constexpr std::array<char, N> joined(std::string_view front, std::string_view back) {
  std::array<char, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = i < front.size() ? front[i] : back[i - front.size()];
  return out;
}

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

template <class C>
struct VersionedName {
  static constexpr std::string_view kName = C::type_name;
  static constexpr std::string_view kVersion = VersionText<C::version>::kText;
  static constexpr std::size_t kSize = kName.size() + kVersion.size();
  static constexpr std::array<char, kSize> kChars = joined<kSize>(kName, kVersion);
  static constexpr std::string_view kText{kChars.data(), kSize};
};
}  // namespace detail

/// The name that put(const T&) stores, for display: the codec's type_name, with its version if it has one.
template <class T>
[[nodiscard]] constexpr std::string_view type_name_of() {
  if constexpr (requires { Codec<T>::version; })
    return detail::VersionedName<Codec<T>>::kText;
  else
    return Codec<T>::type_name;
}

/// The codec of trivially copyable types: their bytes. Derive from it to add a version.
template <PlainData T>
struct PlainCodec {
  static constexpr std::string_view type_name = dolium::type_name<T>;
  /// The size is part of the tag: a struct that grew is another type.
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

template <PlainData T>
struct Codec<T> : PlainCodec<T> {};

namespace detail {
/// Whether a T is stored as its own bytes.
template <class T>
constexpr bool is_stored_plain() {
  if constexpr (PlainData<T>)
    return std::is_base_of_v<PlainCodec<T>, Codec<T>>;
  else
    return false;
}

/// The tag without the version. A codec that derives from PlainCodec with another type_name has that name in its tag.
template <class T>
constexpr std::uint64_t unversioned_tag() {
  using C = Codec<T>;
  if constexpr (is_stored_plain<T>())
    return C::type_tag == PlainCodec<T>::type_tag ? type_hash(C::type_name, sizeof(T)) : C::type_tag;
  else
    return C::type_tag;
}
}  // namespace detail

/// The tag that put(const T&) stores and get<T>() expects.
template <class T>
[[nodiscard]] constexpr std::uint64_t type_tag_of() {
  if constexpr (requires {
                  Codec<T>::type_tag;
                  Codec<T>::version;
                })
    return detail::type_hash(detail::VersionText<Codec<T>::version>::kText, detail::unversioned_tag<T>());
  else if constexpr (requires { Codec<T>::type_tag; })
    return detail::unversioned_tag<T>();
  else
    return detail::type_hash(type_name_of<T>());
}

namespace detail {
/// Name and tag of a T as an element of a range.
template <class T>
constexpr std::string_view element_name() {
  if constexpr (is_stored_plain<T>())
    return type_name_of<T>();
  else
    return dolium::type_name<T>;
}
template <class T>
constexpr std::uint64_t element_tag() {
  if constexpr (is_stored_plain<T>())
    return type_tag_of<T>();
  else
    return type_hash(dolium::type_name<T>, sizeof(T));
}
template <class T>
constexpr std::uint64_t range_tag() {
  return type_hash("[]", element_tag<T>());
}
template <class T>
struct RangeName {
  static constexpr std::size_t kSize = element_name<T>().size() + 2;
  static constexpr std::array<char, kSize> kChars = joined<kSize>(element_name<T>(), "[]");
  static constexpr std::string_view kText{kChars.data(), kSize};
};

/// Types as which every object can be viewed.
template <class T>
constexpr bool is_byte() {
  return std::is_same_v<T, std::byte> || std::is_same_v<T, char> || std::is_same_v<T, unsigned char>;
}

/// Whether an object with this tag can be viewed as an array of T: an array of T, one T, or raw bytes.
template <class T>
constexpr bool can_be_viewed_as(std::uint64_t tag) {
  if (is_byte<T>() || tag == 0 || tag == element_tag<T>() || tag == range_tag<T>()) return true;
  if constexpr (PlainRange<T>) return tag == type_tag_of<T>();  // array<float, 3> of "f32[]"
  return false;
}
}  // namespace detail

template <PlainRange T>
struct Codec<T> {
  using Element = std::ranges::range_value_t<T>;

  static constexpr std::string_view type_name = detail::RangeName<Element>::kText;
  static constexpr std::uint64_t type_tag = detail::range_tag<Element>();
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
  static constexpr std::string_view type_name = "utf8";
  static std::uint64_t size(const std::string& text) { return text.size(); }
  static void encode(const std::string& text, std::span<std::byte> out) {
    if (!out.empty()) std::memcpy(out.data(), text.data(), out.size());
  }
  static Result<std::string> decode(std::span<const std::byte> in) {
    return std::string(reinterpret_cast<const char*>(in.data()), in.size());
  }
};

// ---- types without a codec ----

template <class T>
class ObjectRef;

namespace detail {
/// The reference that put() of a T returns. The static_assert makes the compiler explain in its first line why a type
/// cannot be put; without it the error would be a page of candidate overloads.
template <class T, bool = Encodable<T>>
struct Put {
  using Ref = ObjectRef<typename StoredAs<T>::type>;
};
template <class T>
struct Put<T, false> {
  static_assert(
      ByteRange<T>,
      "dolium: this type has no codec, so it cannot be put: trivially copyable types, contiguous ranges of them "
      "and std::string have one; specialise dolium::Codec for yours, with type_name, size(), encode() and "
      "decode() (see dolium/codec.h)");
  using Ref = void;
};
/// The same without an id.
template <class T>
struct PutUnnamed : Put<T> {
  static_assert(!ByteRange<T>, "dolium: raw bytes are put under an id: put(ObjectId::random(), bytes)");
};

/// The type that get() of a T returns.
template <class T>
struct Got {
  static_assert(
      Decodable<T>,
      "dolium: this type has no codec, so it cannot be got: trivially copyable types, std::vector and std::array "
      "of them and std::string have one (not a view: get the std::vector); specialise dolium::Codec for yours, "
      "with decode() (see dolium/codec.h)");
  using Type = T;
};
}  // namespace detail

}  // namespace dolium
