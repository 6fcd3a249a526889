#include "shm/types/type_names.h"

#include <dolium/codec.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "shm/text/printable.h"

namespace dolium {
namespace {

using detail::align_up;
using detail::array_tag;
using detail::type_hash;

struct Scalar {
  std::string_view name;
  std::uint64_t size;
};
/// Numbers of every language. client/codecs.json has the same.
constexpr Scalar kScalars[] = {{"bool", 1}, {"i8", 1},  {"u8", 1},  {"i16", 2},   {"u16", 2},   {"i32", 4},
                               {"u32", 4},  {"i64", 8}, {"u64", 8}, {"i128", 16}, {"u128", 16}, {"f16", 2},
                               {"f32", 4},  {"f64", 8}, {"c64", 8}, {"c128", 16}};
constexpr std::string_view kArray = "[]";
/// Maximum width of a stored name in an error.
constexpr std::size_t kShown = 64;
struct Known {
  std::string_view name;
  std::uint64_t tag;
};
constexpr Known kOthers[] = {{"utf8", type_hash("utf8")},
                             {"utf8[]", array_tag(type_hash("utf8"))},
                             {"bytes[]", array_tag(type_hash("bytes"))},
                             {"numpy.ndarray", type_hash("numpy.ndarray")},
                             {"numpy.scalar", type_hash("numpy.scalar")},
                             {"arrow.table", type_hash("arrow.table")},
                             {"arrow.record_batch", type_hash("arrow.record_batch")},
                             {"arrow.tensor", type_hash("arrow.tensor")},
                             {"python.none", type_hash("python.none")},
                             {"python.pickle5", type_hash("python.pickle5")}};

/// "i32[]", in memory that lasts.
constexpr auto kArrayNames = [] {
  std::array<std::array<char, 8>, std::size(kScalars)> names{};
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::size_t at = 0;
    for (const std::string_view part : {kScalars[i].name, kArray})
      for (const char c : part) names[i][at++] = c;
  }
  return names;
}();

/// What stands between `open` and the ">" at the end; empty if the text has another form.
std::string_view inside(std::string_view text, std::string_view open) {
  if (!text.starts_with(open) || !text.ends_with('>')) return {};
  text.remove_prefix(open.size());
  text.remove_suffix(1);
  return text;
}

/// Cuts the first part off a list "utf8,map<i32,f64>".
std::string_view take_part(std::string_view& list) {
  std::size_t depth = 0;
  std::size_t end = 0;
  for (; end < list.size() && (depth != 0 || list[end] != ','); ++end) {
    if (list[end] == '<') ++depth;
    if (list[end] == '>' && depth != 0) --depth;
  }
  const std::string_view part = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return part;
}

std::uint64_t tag_of(std::string_view name);

/// As detail::composite_tag().
std::uint64_t tag_of_parts(std::string_view kind, std::string_view list) {
  std::uint64_t salt = 0;
  while (!list.empty()) salt = detail::part_salt(tag_of(take_part(list)), salt);
  return type_hash(kind, salt);
}

/// The tag of a type by its name. Any name but those of the table is that of a codec of a program's own.
std::uint64_t tag_of(std::string_view name) {
  if (name.ends_with(kArray)) return array_tag(tag_of(name.substr(0, name.size() - kArray.size())));
  const Scalar* scalar = std::ranges::find(kScalars, name, &Scalar::name);
  if (scalar != std::end(kScalars)) return type_hash(name, scalar->size);
  for (const std::string_view kind : {std::string_view("tuple"), std::string_view("optional"), std::string_view("map")})
    if (const std::string_view parts = inside(name, std::string(kind) + '<'); !parts.empty())
      return tag_of_parts(kind, parts);
  return type_hash(name);
}

/// Size and alignment of each value of a type. Size 0: each value has its own, or the type is not known.
struct Form {
  std::uint64_t size = 0;
  std::uint64_t alignment = 1;
};

Form form_of(std::string_view name) {
  if (const Scalar* scalar = std::ranges::find(kScalars, name, &Scalar::name); scalar != std::end(kScalars))
    return {scalar->size, name.starts_with('c') ? scalar->size / 2 : scalar->size};
  if (const std::string_view inner = inside(name, "optional<"); !inner.empty()) {
    const Form item = form_of(inner);
    return item.size == 0 ? Form() : Form{align_up(item.alignment + item.size, item.alignment), item.alignment};
  }
  Form whole;
  for (std::string_view parts = inside(name, "tuple<"); !parts.empty();) {
    const Form part = form_of(take_part(parts));
    if (part.size == 0) return {};
    whole.size = align_up(whole.size, part.alignment) + part.size;
    whole.alignment = std::max(whole.alignment, part.alignment);
  }
  return {align_up(whole.size, whole.alignment), whole.alignment};
}

}  // namespace

std::string_view known_type_name(std::uint64_t tag) noexcept {
  for (std::size_t i = 0; i < std::size(kScalars); ++i) {
    const std::uint64_t one = type_hash(kScalars[i].name, kScalars[i].size);
    if (tag == one) return kScalars[i].name;
    if (tag == array_tag(one)) return kArrayNames[i].data();
  }
  const Known* known = std::ranges::find(kOthers, tag, &Known::tag);
  return known == std::end(kOthers) ? std::string_view() : known->name;
}

NamedType type_called(std::string_view text) {
  if (text == "string") text = "utf8";
  if (text.empty() || text == "bytes") return {};
  return {std::string(text), tag_of(text)};
}

std::string type_in_words(std::uint64_t tag, std::string_view stored_name) {
  if (tag == 0) return "raw bytes";
  if (const std::string_view known = known_type_name(tag); !known.empty()) return std::string(known);
  if (!stored_name.empty()) return printable(stored_name, kShown);
  return fmt::format("a type without a name (tag {:016x})", tag);
}

Result<void> check_value_size(std::string_view type_name, std::uint64_t size) {
  const bool is_array = type_name.ends_with(kArray);
  const std::uint64_t one = form_of(is_array ? type_name.substr(0, type_name.size() - kArray.size()) : type_name).size;
  if (one == 0 || (is_array ? size % one == 0 : size == one)) return {};
  return Error{Errc::invalid_argument,
               is_array ? fmt::format("{} bytes are no {}: each of its elements has {} bytes", size, type_name, one)
                        : fmt::format("{} bytes are no {}, which has {} bytes", size, type_name, one)};
}

Result<void> check_value(std::string_view type_name, std::span<const std::byte> bytes) {
  if (auto fits = check_value_size(type_name, bytes.size()); !fits) return fits;
  if ((type_name == "bool" || type_name == "bool[]") && !detail::are_bools(bytes))
    return Error{Errc::invalid_argument,
                 fmt::format("the bytes are no {}: a bool is a byte that is 0 or 1", type_name)};
  if (type_name == "utf8" && !is_utf8({reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
    return Error{Errc::invalid_argument, "the bytes are no utf8: they are not valid UTF-8"};
  return {};
}

}  // namespace dolium
