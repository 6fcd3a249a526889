#pragma once
// Codecs of maps: std::map, std::unordered_map, and others with try_emplace(). Included by codec.h.

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dolium/codec_layout.h>

namespace dolium {

/// The keys, as an array of their type; then the values, in the same order, as an array of theirs.
template <detail::MapLike T>
struct Codec<T> {
  using Key = typename T::key_type;
  using Value = typename T::mapped_type;

  static constexpr std::string_view type_name =
      detail::Joined<detail::kMapOpen, detail::PartName<Key>::kText, detail::NextPartName<Value>::kText,
                     detail::kClose>::kText;
  static constexpr std::uint64_t type_tag =
      detail::composite_tag("map", {detail::part_tag<Key>(), detail::part_tag<Value>()});
  static constexpr std::uint64_t alignment =
      std::max({detail::kTableEntry, detail::kSequenceAlignment<Key>, detail::kSequenceAlignment<Value>});

  static std::uint64_t size(const T& map) {
    detail::TableSize size(2);
    size.add(detail::sequence_size<Key>(map, kKeyOf), detail::kSequenceAlignment<Key>);
    size.add(detail::sequence_size<Value>(map, kValueOf), detail::kSequenceAlignment<Value>);
    return size.end();
  }
  static void encode(const T& map, std::span<std::byte> out) {
    detail::TableWriter table(out, 2, false);
    const auto keys = table.next(detail::sequence_size<Key>(map, kKeyOf), detail::kSequenceAlignment<Key>);
    detail::encode_sequence<Key>(map, kKeyOf, keys);
    const auto values = table.next(detail::sequence_size<Value>(map, kValueOf), detail::kSequenceAlignment<Value>);
    detail::encode_sequence<Value>(map, kValueOf, values);
  }
  static Result<T> decode(std::span<const std::byte> in) requires(Decodable<Key>&& Decodable<Value>) {
    Result<detail::TableReader> table = detail::TableReader::of(type_name, in, 2);
    if (!table) return std::move(table).error();
    const auto key_bytes = table->next(detail::kSequenceAlignment<Key>);
    if (!key_bytes) return key_bytes.error();
    const auto value_bytes = table->next(detail::kSequenceAlignment<Value>);
    if (!value_bytes) return value_bytes.error();
    auto keys = detail::SequenceReader<Key>::open(type_name, *key_bytes);
    if (!keys) return std::move(keys).error();
    auto values = detail::SequenceReader<Value>::open(type_name, *value_bytes);
    if (!values) return std::move(values).error();
    if (keys->count() != values->count()) return detail::malformed(type_name, "it has not as many values as keys");
    return fill(*keys, *values);
  }

 private:
  static constexpr auto kKeyOf = [](const auto& entry) -> const Key& { return entry.first; };
  static constexpr auto kValueOf = [](const auto& entry) -> const Value& { return entry.second; };

  static Result<T> fill(detail::SequenceReader<Key>& keys, detail::SequenceReader<Value>& values) {
    T map;
    for (std::uint64_t i = 0; i < keys.count(); ++i) {
      Result<Key> key = keys.next();
      if (!key) return std::move(key).error();
      Result<Value> value = values.next();
      if (!value) return std::move(value).error();
      if (!map.try_emplace(*std::move(key), *std::move(value)).second)
        return detail::malformed(type_name, "a key occurs twice");
    }
    return map;
  }
};
template <detail::MapLike T>
struct StoredAs<T> {
  using Key = typename StoredAs<typename T::key_type>::type;
  using Value = typename StoredAs<typename T::mapped_type>::type;
  using type =
      std::conditional_t<std::is_same_v<Key, typename T::key_type> && std::is_same_v<Value, typename T::mapped_type>, T,
                         std::map<Key, Value>>;
};

}  // namespace dolium
