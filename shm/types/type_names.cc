#include "shm/types/type_names.h"

#include <dolium/codec.h>

#include <algorithm>
#include <array>
#include <utility>

namespace dolium {
namespace {

using detail::type_hash;

struct Known {
  std::string_view name;
  std::uint64_t tag;
};

template <class T>
constexpr std::pair<Known, Known> one_and_many() {
  return {{type_name_of<T>(), type_tag_of<T>()}, {type_name_of<std::vector<T>>(), type_tag_of<std::vector<T>>()}};
}

template <class... T>
constexpr auto with_many() {
  std::array<Known, 2 * sizeof...(T)> out;
  std::size_t next = 0;
  for (const auto& [one, many] : {one_and_many<T>()...}) {
    out[next++] = one;
    out[next++] = many;
  }
  return out;
}

constexpr auto kNumbers = with_many<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
                                    std::int64_t, std::uint64_t, float, double>();
// There is no codec for vector<bool>, but numpy has arrays of bool.
constexpr Known kOthers[] = {{"bool", type_tag_of<bool>()},
                             {"bool[]", type_hash("[]", type_tag_of<bool>())},
                             {"utf8", type_tag_of<std::string>()},
                             {"numpy.ndarray", type_hash("numpy.ndarray")},
                             {"numpy.scalar", type_hash("numpy.scalar")},
                             {"arrow.table", type_hash("arrow.table")},
                             {"arrow.record_batch", type_hash("arrow.record_batch")},
                             {"arrow.tensor", type_hash("arrow.tensor")},
                             {"python.none", type_hash("python.none")},
                             {"python.pickle5", type_hash("python.pickle5")}};

template <class Test>
const Known* find_known(Test test) noexcept {
  for (const Known& each : kNumbers)
    if (test(each)) return &each;
  for (const Known& each : kOthers)
    if (test(each)) return &each;
  return nullptr;
}

}  // namespace

std::string_view known_type_name(std::uint64_t tag) noexcept {
  const Known* known = find_known([tag](const Known& each) { return each.tag == tag; });
  return known == nullptr ? std::string_view() : known->name;
}

NamedType type_called(std::string_view text) {
  if (text == "string") text = "utf8";
  if (text.empty()) return {};
  if (const Known* known = find_known([text](const Known& each) { return each.name == text; }))
    return {std::string(text), known->tag};
  const bool many = text.ends_with("[]");
  const std::uint64_t element = type_hash(text.substr(0, text.size() - (many ? 2 : 0)));
  return {std::string(text), many ? type_hash("[]", element) : element};
}

}  // namespace dolium
