#pragma once
// Codecs of containers: bytes, pair, tuple, optional, and ranges of types that are not trivially copyable. Maps are in
// codec_maps.h. Included by codec.h. A decoder accepts any bytes: it returns a value, or type_mismatch.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <dolium/codec_layout.h>

namespace dolium {

// ---- bytes ----

/// A whole object of bytes has no type and no tag; as a part of another type they are named "bytes".
template <detail::ByteSequence T>
struct Codec<T> {
  static constexpr std::string_view type_name = detail::kBytesName;
  static constexpr std::uint64_t type_tag = 0;
  static constexpr std::uint64_t alignment = 1;
  static std::uint64_t size(const T& bytes) { return std::ranges::size(bytes); }
  static void encode(const T& bytes, std::span<std::byte> out) {
    if (!out.empty()) std::memcpy(out.data(), std::ranges::data(bytes), out.size());
  }
  static Result<T> decode(std::span<const std::byte> in) requires(detail::OwningRange<T>) {
    T bytes{};
    if constexpr (requires { bytes.resize(in.size()); }) bytes.resize(in.size());
    if (std::ranges::size(bytes) != in.size())
      return detail::wrong_size(type_name, in.size(), std::ranges::size(bytes));
    if (!in.empty()) std::memcpy(std::ranges::data(bytes), in.data(), in.size());
    return bytes;
  }
};

// ---- sequences ----

template <class T>
requires(detail::ItemRange<T> || detail::kIsBoolVector<T>) struct Codec<T> {
  using Item = std::ranges::range_value_t<T>;

  static constexpr std::string_view type_name =
      detail::Joined<detail::PartName<Item>::kText, detail::kArraySuffix>::kText;
  static constexpr std::uint64_t type_tag = detail::array_tag(detail::part_tag<Item>());
  static constexpr std::uint64_t alignment = detail::kSequenceAlignment<Item>;
  static std::uint64_t size(const T& items) { return detail::sequence_size<Item>(items, detail::Itself()); }
  static void encode(const T& items, std::span<std::byte> out) {
    detail::encode_sequence<Item>(items, detail::Itself(), out);
  }
  static Result<T> decode(std::span<const std::byte> in) requires(Decodable<Item>&& std::default_initializable<T> &&
                                                                  !std::ranges::view<T>) {
    Result<detail::SequenceReader<Item>> reader = detail::SequenceReader<Item>::open(type_name, in);
    if (!reader) return std::move(reader).error();
    T items{};
    if constexpr (requires { items.reserve(reader->count()); })
      items.reserve(reader->count());
    else if (std::ranges::size(items) != reader->count())
      return detail::malformed(type_name, "it has another number of items");
    for (std::uint64_t i = 0; i < reader->count(); ++i) {
      Result<Item> item = reader->next();
      if (!item) return std::move(item).error();
      if constexpr (requires { items.push_back(*std::move(item)); })
        items.push_back(*std::move(item));
      else
        items[i] = *std::move(item);
    }
    return items;
  }
};
template <detail::ItemRange T>
struct StoredAs<T> {
  using Item = typename StoredAs<std::ranges::range_value_t<T>>::type;
  using type = std::conditional_t<detail::OwningRange<T> && std::is_same_v<Item, std::ranges::range_value_t<T>>, T,
                                  std::vector<Item>>;
};

// ---- tuple and pair ----

namespace detail {
/// The codec of a Tuple (std::tuple or std::pair) of these parts.
template <class Tuple, class First, class... Rest>
struct TupleCodec {
  static constexpr std::size_t kCount = 1 + sizeof...(Rest);
  static constexpr bool kIsFixed = ((fixed_size<First>() != 0) && ... && (fixed_size<Rest>() != 0));

  static constexpr std::string_view type_name =
      Joined<kTupleOpen, PartName<First>::kText, NextPartName<Rest>::kText..., kClose>::kText;
  static constexpr std::uint64_t type_tag = composite_tag("tuple", {part_tag<First>(), part_tag<Rest>()...});
  static constexpr std::uint64_t alignment =
      kIsFixed ? largest_alignment<First, Rest...>(1) : largest_alignment<First, Rest...>(kTableEntry);

 private:
  template <std::size_t I>
  using Part = std::tuple_element_t<I, Tuple>;
  /// Where each part begins, as in a C struct; and behind the last, the size.
  static constexpr std::array<std::uint64_t, kCount + 1> kPlaces = [] {
    std::array<std::uint64_t, kCount + 1> places{};
    if (!kIsFixed) return places;
    const std::uint64_t sizes[] = {fixed_size<First>(), fixed_size<Rest>()...};
    const std::uint64_t alignments[] = {alignment_of<First>(), alignment_of<Rest>()...};
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      places[i] = align_up(end, alignments[i]);
      end = places[i] + sizes[i];
    }
    places[kCount] = align_up(end, alignment);
    return places;
  }();

 public:
  static constexpr std::uint64_t fixed_size = kPlaces[kCount];  // 0: not fixed

  static std::uint64_t size(const Tuple& value) {
    if constexpr (kIsFixed) {
      return fixed_size;
    } else {
      TableSize size(kCount);
      each([&]<std::size_t I>() { size.add(Codec<Part<I>>::size(std::get<I>(value)), alignment_of<Part<I>>()); });
      return size.end();
    }
  }
  static void encode(const Tuple& value, std::span<std::byte> out) {
    if constexpr (kIsFixed) {
      std::memset(out.data(), 0, out.size());
      each([&]<std::size_t I>() {
        Codec<Part<I>>::encode(std::get<I>(value), out.subspan(kPlaces[I], detail::fixed_size<Part<I>>()));
      });
    } else {
      TableWriter table(out, kCount, false);
      each([&]<std::size_t I>() {
        const Part<I>& part = std::get<I>(value);
        Codec<Part<I>>::encode(part, table.next(Codec<Part<I>>::size(part), alignment_of<Part<I>>()));
      });
    }
  }
  static Result<Tuple> decode(std::span<const std::byte> in) requires(Decodable<First>&&...&& Decodable<Rest>) {
    if constexpr (kIsFixed) {
      if (in.size() != fixed_size) return wrong_size(type_name, in.size(), fixed_size);
      return decode_parts([&]<std::size_t I>() -> Result<std::span<const std::byte>> {
        return in.subspan(kPlaces[I], detail::fixed_size<Part<I>>());
      });
    } else {
      Result<TableReader> table = TableReader::of(type_name, in, kCount);
      if (!table) return std::move(table).error();
      return decode_parts([&]<std::size_t I>() { return table->next(alignment_of<Part<I>>()); });
    }
  }

 private:
  template <class Visit>
  static void each(Visit visit) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit.template operator()<I>(), ...);
    }
    (std::make_index_sequence<kCount>());
  }
  template <class BytesOf>
  static Result<Tuple> decode_parts(BytesOf bytes_of) {
    std::tuple<std::optional<First>, std::optional<Rest>...> parts;
    std::optional<Error> error;
    each([&]<std::size_t I>() {
      if (error) return;
      const Result<std::span<const std::byte>> bytes = bytes_of.template operator()<I>();
      if (!bytes) {
        error = bytes.error();
        return;
      }
      Result<Part<I>> part = Codec<Part<I>>::decode(*bytes);
      if (part)
        std::get<I>(parts).emplace(*std::move(part));
      else
        error = in_part(type_name, I + 1, std::move(part).error());
    });
    if (error) return *std::move(error);
    return std::apply([](auto&... part) { return Tuple(*std::move(part)...); }, parts);
  }
};
}  // namespace detail

template <detail::HasCodec First, detail::HasCodec... Rest>
struct Codec<std::tuple<First, Rest...>> : detail::TupleCodec<std::tuple<First, Rest...>, First, Rest...> {};
template <detail::HasCodec First, detail::HasCodec Second>
struct Codec<std::pair<First, Second>> : detail::TupleCodec<std::pair<First, Second>, First, Second> {};
template <class... T>
struct StoredAs<std::tuple<T...>> {
  using type = std::tuple<typename StoredAs<T>::type...>;
};
template <class First, class Second>
struct StoredAs<std::pair<First, Second>> {
  using type = std::pair<typename StoredAs<First>::type, typename StoredAs<Second>::type>;
};

// ---- optional ----

/// A byte, 0 or 1; then, aligned, the value. Of a fixed size, if the value has one.
template <detail::HasCodec T>
struct Codec<std::optional<T>> {
  static constexpr std::string_view type_name =
      detail::Joined<detail::kOptionalOpen, detail::PartName<T>::kText, detail::kClose>::kText;
  static constexpr std::uint64_t type_tag = detail::composite_tag("optional", {detail::part_tag<T>()});
  static constexpr std::uint64_t alignment = detail::alignment_of<T>();
  static constexpr std::uint64_t fixed_size =
      detail::fixed_size<T>() == 0 ? 0 : detail::align_up(alignment + detail::fixed_size<T>(), alignment);

  static std::uint64_t size(const std::optional<T>& value) {
    if constexpr (fixed_size != 0) return fixed_size;
    return value ? alignment + Codec<T>::size(*value) : 1;
  }
  static void encode(const std::optional<T>& value, std::span<std::byte> out) {
    std::memset(out.data(), 0, fixed_size != 0 ? out.size() : std::min<std::size_t>(out.size(), alignment));
    if (!value) return;
    out[0] = std::byte{1};
    Codec<T>::encode(*value, value_in(out));
  }
  static Result<std::optional<T>> decode(std::span<const std::byte> in) requires(Decodable<T>) {
    if (in.empty() || in[0] > std::byte{1}) return detail::malformed(type_name, "its first byte is neither 0 nor 1");
    const bool present = in[0] == std::byte{1};
    const std::uint64_t absent_size = fixed_size != 0 ? fixed_size : 1;
    if (fixed_size != 0 || !present ? in.size() != absent_size : in.size() < alignment)
      return detail::wrong_size(type_name, in.size(), present && fixed_size == 0 ? alignment : absent_size);
    if (!present) return std::optional<T>();
    Result<T> value = Codec<T>::decode(value_in(in));
    if (!value) return detail::in_part(type_name, 1, std::move(value).error());
    return std::optional<T>(*std::move(value));
  }

 private:
  template <class Byte>
  static std::span<Byte> value_in(std::span<Byte> whole) {
    return detail::fixed_size<T>() != 0 ? whole.subspan(alignment, detail::fixed_size<T>()) : whole.subspan(alignment);
  }
};
template <class T>
struct StoredAs<std::optional<T>> {
  using type = std::optional<typename StoredAs<T>::type>;
};

}  // namespace dolium
