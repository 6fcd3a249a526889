#pragma once
// Codec<T>: converts a T to bytes and back, and has a tag for the type: get<T>() of an object that was put as another
// type fails with Errc::type_mismatch; bytes are never reinterpreted.
//
// Built in: trivially copyable types ("f64", "i32", or a struct's name), contiguous ranges of them (a vector<T>, an
// array<T, N> and a span<const T> have the same stored form: "f64[]", "i32[]"), text ("utf8": std::string,
// string_view, literals), and containers of all these (codec_containers.h, codec_maps.h): pair and tuple
// ("tuple<f64,utf8>"), optional ("optional<f64>"), vectors of text and of containers ("utf8[]", "f64[][]"), map and
// unordered_map ("map<utf8,f64>"). client/CODECS.md describes the bytes; other languages read and write the same.
//
// For another type, specialise Codec:
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
// compiler's name of a struct, and adds its size to the tag. If programs of different compilers exchange objects of
// your types, specialise dolium::type_name<T>.
//
// Two structs with the same name and size but different members cannot be told apart. Give them versions; this works
// for the struct and for ranges of it:
//
//   template <> struct dolium::Codec<Point> : dolium::PlainCodec<Point> {
//     static constexpr std::uint32_t version = 2;                               // stored as "Point@2", "Point@2[]"
//   };

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <dolium/result.h>
#include <dolium/type_name.h>

namespace dolium {

namespace detail {
[[nodiscard]] DOLIUM_API Error wrong_size(std::string_view type_name, std::uint64_t size, std::uint64_t expected);
[[nodiscard]] DOLIUM_API Error not_a_bool(std::string_view type_name);

/// Whether every byte is a bool: another value must never be read as one.
[[nodiscard]] inline bool are_bools(std::span<const std::byte> bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::byte b) { return b <= std::byte{1}; });
}

/// pair, tuple and optional: they have codecs of their own, even where they are trivially copyable.
template <class T>
inline constexpr bool kIsComposite = false;
template <class... T>
inline constexpr bool kIsComposite<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool kIsComposite<std::pair<A, B>> = true;
template <class T>
inline constexpr bool kIsComposite<std::optional<T>> = true;

template <class T>
inline constexpr bool kIsString = false;
template <class Allocator>
inline constexpr bool kIsString<std::basic_string<char, std::char_traits<char>, Allocator>> = true;
/// Text: strings, views, literals and other arrays of char, which end at the first zero.
template <class T>
concept Text = kIsString<T> || std::same_as<T, std::string_view> || std::same_as<T, const char*> ||
    std::same_as<T, char*> ||
    (std::is_bounded_array_v<T>&& std::same_as<std::remove_cv_t<std::remove_extent_t<T>>, char>);
template <class T>
concept ByteSequence = std::ranges::contiguous_range<T> && std::ranges::sized_range<T> &&
    std::same_as<std::ranges::range_value_t<T>, std::byte> && !std::is_array_v<T>;
/// A range that can be filled.
template <class T>
concept OwningRange = std::default_initializable<T> && !std::ranges::view<T> && requires(T & range) {
  { std::ranges::data(range) } -> std::same_as<std::ranges::range_value_t<T>*>;
};
}  // namespace detail

template <class T>
struct Codec;

/// Views and pointers are trivially copyable too, but their bytes have no meaning in another process.
template <class T>
concept PlainData = std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T> &&
                    !std::is_member_pointer_v<T> && !std::is_array_v<T> && !std::is_same_v<T, std::nullptr_t> &&
                    !std::ranges::range<T> && !detail::kIsComposite<T>;
/// An array, vector or span of plain data; not a string.
template <class T>
concept PlainRange = std::ranges::contiguous_range<T> && std::ranges::sized_range<T> &&
                     PlainData<std::ranges::range_value_t<T>> && !std::is_array_v<T> &&
                     !std::is_convertible_v<T, std::string_view>;
/// Types that put() stores as raw bytes, even if they have a codec.
template <class T>
concept ByteRange = std::is_convertible_v<const T&, std::span<const std::byte>>;

namespace detail {
template <class T>
concept HasCodec = requires(const T& value, std::span<std::byte> out) {
  { Codec<T>::type_name } -> std::convertible_to<std::string_view>;
  { Codec<T>::size(value) } -> std::convertible_to<std::uint64_t>;
  Codec<T>::encode(value, out);
};
}  // namespace detail
template <class T>
concept Encodable = !ByteRange<T> && detail::HasCodec<T>;
template <class T>
concept Decodable = requires(std::span<const std::byte> in) {
  { Codec<T>::decode(in) } -> std::same_as<Result<T>>;
};

/// The type that get() returns for a stored T: T itself, or what owns its bytes if T is a view or contains one.
template <class T>
struct StoredAs {
  using type = T;
};
template <PlainRange T>
requires(!detail::OwningRange<T>) struct StoredAs<T> {
  using type = std::vector<std::ranges::range_value_t<T>>;
};
template <detail::Text T>
requires(!detail::kIsString<T>) struct StoredAs<T> {
  using type = std::string;
};

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
    if constexpr (std::is_same_v<T, bool>)
      if (!detail::are_bools(in)) return detail::not_a_bool(type_name);
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
struct ElementName {
  static constexpr std::string_view kText = element_name<T>();
};

/// Types as which every object can be viewed.
template <class T>
constexpr bool is_byte() {
  return std::is_same_v<T, std::byte> || std::is_same_v<T, char> || std::is_same_v<T, unsigned char>;
}

/// Whether an object with this tag can be viewed as an array of T: an array of T, one T, or raw bytes.
template <class T>
constexpr bool can_be_viewed_as(std::uint64_t tag) {
  if (is_byte<T>() || tag == 0 || tag == element_tag<T>() || tag == array_tag(element_tag<T>())) return true;
  if constexpr (PlainRange<T>) return tag == type_tag_of<T>();  // array<float, 3> of "f32[]"
  return false;
}
}  // namespace detail

template <PlainRange T>
requires(!detail::ByteSequence<T>) struct Codec<T> {
  using Element = std::ranges::range_value_t<T>;

  static constexpr std::string_view type_name =
      detail::Joined<detail::ElementName<Element>::kText, detail::kArraySuffix>::kText;
  static constexpr std::uint64_t type_tag = detail::array_tag(detail::element_tag<Element>());
  static constexpr std::uint64_t alignment = alignof(Element);
  static std::uint64_t size(const T& values) { return std::ranges::size(values) * sizeof(Element); }
  static void encode(const T& values, std::span<std::byte> out) {
    if (!out.empty()) std::memcpy(out.data(), std::ranges::data(values), out.size());
  }
  static Result<T> decode(std::span<const std::byte> in) requires(detail::OwningRange<T>) {
    const std::size_t count = in.size() / sizeof(Element);
    if (in.size() % sizeof(Element) != 0) return detail::wrong_size(type_name, in.size(), count * sizeof(Element));
    if constexpr (std::is_same_v<Element, bool>)
      if (!detail::are_bools(in)) return detail::not_a_bool(type_name);
    T values{};
    if constexpr (requires { values.resize(count); }) values.resize(count);
    if (std::ranges::size(values) != count)
      return detail::wrong_size(type_name, in.size(), std::ranges::size(values) * sizeof(Element));
    if (!in.empty()) std::memcpy(std::ranges::data(values), in.data(), in.size());
    return values;
  }
};

template <detail::Text T>
struct Codec<T> {
  static constexpr std::string_view type_name = "utf8";
  static constexpr std::uint64_t alignment = 1;
  static std::uint64_t size(const T& text) { return view(text).size(); }
  static void encode(const T& text, std::span<std::byte> out) {
    if (!out.empty()) std::memcpy(out.data(), view(text).data(), out.size());
  }
  static Result<T> decode(std::span<const std::byte> in) requires(detail::kIsString<T>) {
    return T(reinterpret_cast<const char*>(in.data()), in.size());
  }

 private:
  static std::string_view view(const T& text) {
    if constexpr (std::is_array_v<T>)
      return std::string_view(text, std::extent_v<T>).substr(0, std::string_view(text, std::extent_v<T>).find('\0'));
    else
      return std::string_view(text);
  }
};

}  // namespace dolium

#include <dolium/codec_containers.h>
#include <dolium/codec_maps.h>
