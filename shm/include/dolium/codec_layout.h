// How the codecs of containers lay out their parts: client/CODECS.md. Internal: included by codec_containers.h and
// codec_maps.h.
//
// A type has a fixed size (numbers, structs, and pairs, tuples and optionals of them), or each value has its own. Items
// of a fixed size stand one behind the other. Other items stand behind a table with the end of each.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <dolium/codec.h>

// codec.h includes this file at its end. So it is guarded from here on only: its own include comes first.
#ifndef DOLIUM_CODEC_LAYOUT_H
#define DOLIUM_CODEC_LAYOUT_H

namespace dolium {

namespace detail {

// ---- layout ----

constexpr std::uint64_t align_up(std::uint64_t offset, std::uint64_t alignment) noexcept {
  return (offset + alignment - 1) / alignment * alignment;
}
/// Alignment of codecs that give none: a codec of a program's own can declare `alignment`.
inline constexpr std::uint64_t kDefaultAlignment = 8;
inline constexpr std::uint64_t kTableEntry = 8;

template <class T>
constexpr std::uint64_t alignment_of() {
  if constexpr (requires { Codec<T>::alignment; })
    return Codec<T>::alignment;
  else if constexpr (is_stored_plain<T>())
    return alignof(T);
  else
    return kDefaultAlignment;
}
/// 0: each value has its own size.
template <class T>
constexpr std::uint64_t fixed_size() {
  if constexpr (requires { Codec<T>::fixed_size; })
    return Codec<T>::fixed_size;
  else if constexpr (is_stored_plain<T>())
    return sizeof(T);
  else
    return 0;
}
template <class... T>
constexpr std::uint64_t largest_alignment(std::uint64_t least) {
  return std::max({least, alignment_of<T>()...});
}

/// Name and tag of a T within another type.
template <class T>
struct PartName {
  static constexpr std::string_view kText = type_name_of<T>();
};
template <class T>
struct NextPartName {
  static constexpr std::string_view kText = Joined<kComma, PartName<T>::kText>::kText;
};
inline constexpr std::string_view kBytesName = "bytes";
template <class T>
constexpr std::uint64_t part_tag() {
  return type_tag_of<T>() == 0 ? type_hash(kBytesName) : type_tag_of<T>();
}

/// Sizes a value of items that stand behind a table.
class TableSize {
 public:
  explicit TableSize(std::uint64_t entries) noexcept : end_(entries * kTableEntry) {}
  void add(std::uint64_t size, std::uint64_t alignment) noexcept { end_ = align_up(end_, alignment) + size; }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 private:
  std::uint64_t end_;
};

/// Writes such a value. Gaps become zero.
class TableWriter {
 public:
  /// A `counted` table begins with the number of its items.
  TableWriter(std::span<std::byte> out, std::uint64_t items, bool counted) noexcept
      : out_(out), end_((items + (counted ? 1 : 0)) * kTableEntry) {
    if (counted) write_entry(items);
  }
  /// The next item's bytes.
  [[nodiscard]] std::span<std::byte> next(std::uint64_t size, std::uint64_t alignment) noexcept {
    const std::uint64_t begin = align_up(end_, alignment);
    for (; end_ < begin; ++end_) out_[end_] = std::byte{0};
    end_ = begin + size;
    write_entry(end_);
    return out_.subspan(begin, size);
  }

 private:
  void write_entry(std::uint64_t entry) noexcept {
    std::memcpy(out_.data() + entry_at_, &entry, kTableEntry);
    entry_at_ += kTableEntry;
  }

  std::span<std::byte> out_;
  std::uint64_t entry_at_ = 0;
  std::uint64_t end_;
};

/// Reads such a value, from bytes that can be anything.
class DOLIUM_API TableReader {
 public:
  /// A table of `items`, which the type tells.
  [[nodiscard]] static Result<TableReader> of(std::string_view type_name, std::span<const std::byte> in,
                                              std::uint64_t items);
  /// A table that begins with the number of its items.
  [[nodiscard]] static Result<TableReader> counted(std::string_view type_name, std::span<const std::byte> in);

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// The bytes of the next item. Precondition: there is one.
  [[nodiscard]] Result<std::span<const std::byte>> next(std::uint64_t alignment);

 private:
  TableReader(std::string_view type_name, std::span<const std::byte> in, std::uint64_t count, std::uint64_t table_at)
      : type_name_(type_name), in_(in), count_(count), entry_at_(table_at), end_(table_at + count * kTableEntry) {}

  std::string_view type_name_;
  std::span<const std::byte> in_;
  std::uint64_t count_;
  std::uint64_t entry_at_;
  std::uint64_t end_;
  std::uint64_t read_ = 0;
};

[[nodiscard]] DOLIUM_API Error malformed(std::string_view type_name, std::string_view why);
/// An error of a part, with the type that it is part of.
[[nodiscard]] DOLIUM_API Error in_part(std::string_view type_name, std::uint64_t number, Error inner);

// ---- sequences of E: what a range, and the keys or the values of a map, are stored as ----

/// `part(item)` is the E of an item.
template <class E, class Range, class Part>
std::uint64_t sequence_size(const Range& items, Part part) {
  const auto count = static_cast<std::uint64_t>(std::ranges::size(items));
  if constexpr (fixed_size<E>() != 0) {
    return count * fixed_size<E>();
  } else {
    TableSize size(count + 1);
    for (auto&& item : items) size.add(Codec<E>::size(part(item)), alignment_of<E>());
    return size.end();
  }
}

template <class E, class Range, class Part>
void encode_sequence(const Range& items, Part part, std::span<std::byte> out) {
  if constexpr (fixed_size<E>() != 0) {
    std::uint64_t at = 0;
    for (auto&& item : items) {
      Codec<E>::encode(part(item), out.subspan(at, fixed_size<E>()));
      at += fixed_size<E>();
    }
  } else {
    TableWriter table(out, std::ranges::size(items), true);
    for (auto&& item : items) {
      const E& value = part(item);
      Codec<E>::encode(value, table.next(Codec<E>::size(value), alignment_of<E>()));
    }
  }
}

template <class E>
inline constexpr std::uint64_t kSequenceAlignment = fixed_size<E>() != 0 ? alignment_of<E>()
                                                                         : largest_alignment<E>(kTableEntry);

/// Reads one E after the other.
template <class E>
class SequenceReader {
 public:
  [[nodiscard]] static Result<SequenceReader> open(std::string_view type_name, std::span<const std::byte> in) {
    if constexpr (fixed_size<E>() != 0) {
      if (in.size() % fixed_size<E>() != 0)
        return wrong_size(type_name, in.size(), in.size() / fixed_size<E>() * fixed_size<E>());
      return SequenceReader(type_name, in, in.size() / fixed_size<E>(), std::nullopt);
    } else {
      Result<TableReader> table = TableReader::counted(type_name, in);
      if (!table) return std::move(table).error();
      return SequenceReader(type_name, in, table->count(), *table);
    }
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Precondition: fewer than count() were read.
  [[nodiscard]] Result<E> next() {
    std::span<const std::byte> bytes;
    if constexpr (fixed_size<E>() != 0) {
      bytes = in_.subspan(read_ * fixed_size<E>(), fixed_size<E>());
    } else {
      Result<std::span<const std::byte>> item = table_->next(alignment_of<E>());
      if (!item) return std::move(item).error();
      bytes = *item;
    }
    Result<E> value = Codec<E>::decode(bytes);
    ++read_;
    if (!value) return in_part(type_name_, read_, std::move(value).error());
    return value;
  }

 private:
  SequenceReader(std::string_view type_name, std::span<const std::byte> in, std::uint64_t count,
                 std::optional<TableReader> table)
      : type_name_(type_name), in_(in), count_(count), table_(table) {}

  std::string_view type_name_;
  std::span<const std::byte> in_;
  std::uint64_t count_;
  std::uint64_t read_ = 0;
  std::optional<TableReader> table_;
};

struct Itself {
  template <class T>
  const T& operator()(const T& item) const noexcept {
    return item;
  }
};

template <class T>
inline constexpr bool kIsStdArray = false;
template <class T, std::size_t N>
inline constexpr bool kIsStdArray<std::array<T, N>> = true;
/// A contiguous range of a type with a codec, but for plain data. Not of std::array: it would take a table entry each.
template <class T>
concept ItemRange = std::ranges::contiguous_range<T> && std::ranges::sized_range<T> && !std::is_array_v<T> &&
                    !Text<T> && !PlainData<std::ranges::range_value_t<T>> &&
                    !kIsStdArray<std::ranges::range_value_t<T>> && HasCodec<std::ranges::range_value_t<T>>;
template <class T>
inline constexpr bool kIsBoolVector = false;
template <class Allocator>
inline constexpr bool kIsBoolVector<std::vector<bool, Allocator>> = true;
template <class T>
concept HasTryEmplace = requires(T& map, typename T::key_type key, typename T::mapped_type value) {
  map.try_emplace(std::move(key), std::move(value));
};
template <class T>
concept MapLike = HasTryEmplace<T> && HasCodec<typename T::key_type> && HasCodec<typename T::mapped_type>;

}  // namespace detail

}  // namespace dolium

#endif
