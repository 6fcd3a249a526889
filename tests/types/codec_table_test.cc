// The types that all languages share, against client/codecs.json: names, tags, layouts and bytes. Other languages'
// tests read the same file.

#include <dolium/codec.h>

#include <array>
#include <catch2/catch.hpp>
#include <complex>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <unordered_map>

#include "shm/types/type_names.h"

namespace dolium {
namespace {

using Json = nlohmann::json;
using Bytes = std::vector<std::byte>;
using Int128 = detail::Int128;
using Uint128 = detail::Uint128;

Json read_table() {
  std::ifstream file(DOLIUM_SOURCE_DIR "/client/codecs.json");
  REQUIRE(file);
  return Json::parse(file);
}

Bytes from_hex(const std::string& digits) {
  Bytes bytes;
  for (std::size_t at = 0; at < digits.size(); at += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(at, 2), nullptr, 16)));
  return bytes;
}

std::uint64_t tag_in(const Json& row, const char* key = "tag") {
  return std::stoull(row.at(key).get<std::string>(), nullptr, 16);
}

template <class T>
Bytes encoded(const T& value) {
  Bytes bytes(Codec<T>::size(value), std::byte{0xaa});  // a byte that is not written shows
  Codec<T>::encode(value, bytes);
  return bytes;
}

// ---- the values of the table, as C++ types ----

template <class T>
struct FromJson {
  static T read(const Json& json) { return json.get<T>(); }
};
template <class T>
requires(std::same_as<T, Int128> || std::same_as<T, Uint128>) struct FromJson<T> {
  static T read(const Json& json) {
    const auto text = json.get<std::string>();
    const bool negative = text.front() == '-';
    Uint128 number = 0;
    for (const char c : text.substr(negative ? 1 : 0)) number = number * 10 + static_cast<unsigned>(c - '0');
    return static_cast<T>(negative ? 0 - number : number);
  }
};
template <class T>
struct FromJson<std::complex<T>> {
  static std::complex<T> read(const Json& json) { return {json.at(0).get<T>(), json.at(1).get<T>()}; }
};
template <>
struct FromJson<Bytes> {
  static Bytes read(const Json& json) { return from_hex(json.get<std::string>()); }
};
template <class T>
struct FromJson<std::vector<T>> {
  static std::vector<T> read(const Json& json) {
    std::vector<T> items;
    for (const Json& item : json) items.push_back(FromJson<T>::read(item));
    return items;
  }
};
template <class T>
struct FromJson<std::optional<T>> {
  static std::optional<T> read(const Json& json) {
    return json.is_null() ? std::optional<T>() : FromJson<T>::read(json);
  }
};
template <class... T>
struct FromJson<std::tuple<T...>> {
  static std::tuple<T...> read(const Json& json) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<T...>(FromJson<T>::read(json.at(I))...);
    }
    (std::index_sequence_for<T...>());
  }
};
template <class First, class Second>
struct FromJson<std::pair<First, Second>> {
  static std::pair<First, Second> read(const Json& json) {
    return {FromJson<First>::read(json.at(0)), FromJson<Second>::read(json.at(1))};
  }
};
template <class Key, class Value>
struct FromJson<std::map<Key, Value>> {
  static std::map<Key, Value> read(const Json& json) {
    std::map<Key, Value> map;
    for (const Json& entry : json) map.emplace(FromJson<Key>::read(entry.at(0)), FromJson<Value>::read(entry.at(1)));
    return map;
  }
};

// ---- a C++ type for each name of the table ----

/// Pointers to functions: a std::function of each type takes seconds to compile.
struct KnownType {
  std::uint64_t tag;
  std::uint64_t fixed_size;
  std::uint64_t alignment;
  /// Of a value of the table: its bytes; and whether these bytes decode to the value.
  Bytes (*encode)(const Json&);
  bool (*decodes)(const Bytes&, const Json&);
  /// The error of bytes; empty if they can be decoded. A value that is decoded is encoded into the same bytes.
  std::string (*refusal)(const Bytes&);
};

template <class T>
std::pair<const std::string, KnownType> known() {
  return {std::string(type_name_of<T>()),
          KnownType{type_tag_of<T>(), detail::fixed_size<T>(), detail::alignment_of<T>(),
                    [](const Json& value) { return encoded(FromJson<T>::read(value)); },
                    [](const Bytes& bytes, const Json& value) {
                      return Codec<T>::decode(bytes).value() == FromJson<T>::read(value);
                    },
                    [](const Bytes& bytes) {
                      const Result<T> value = Codec<T>::decode(bytes);
                      if (!value) return value.error().message;
                      const Bytes again = encoded(*value);
                      REQUIRE(again.size() == bytes.size());
                      return std::string();
                    }}};
}

template <class... T>
std::map<std::string, KnownType> all_of() {
  return {known<T>()...};
}

using Text = std::string;
const std::map<std::string, KnownType>& types() {
  static const auto all =
      all_of<bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t, std::int64_t,
             std::uint64_t, Int128, Uint128, float, double, std::complex<float>, std::complex<double>, Text, Bytes,
             std::vector<double>, std::vector<bool>, std::vector<std::complex<float>>, std::vector<Int128>,
             std::vector<Text>, std::vector<Bytes>, std::vector<std::vector<std::int32_t>>,
             std::vector<std::vector<double>>, std::vector<std::vector<Text>>, std::tuple<std::uint8_t>,
             std::tuple<bool, std::int32_t, double>, std::pair<double, std::uint8_t>, std::pair<std::uint8_t, Text>,
             std::tuple<Text, std::vector<double>, Bytes>, std::vector<std::pair<std::int32_t, double>>,
             std::vector<std::tuple<std::uint8_t, std::uint16_t>>, std::optional<double>, std::optional<std::uint8_t>,
             std::optional<Text>, std::optional<std::vector<double>>, std::vector<std::optional<std::int64_t>>,
             std::vector<std::optional<Text>>, std::tuple<std::uint8_t, std::optional<std::int16_t>>,
             std::map<Text, double>, std::map<std::int32_t, Text>, std::map<std::int64_t, std::tuple<float, bool>>,
             std::map<Text, std::map<Text, std::vector<std::int32_t>>>, std::map<Text, Bytes>,
             std::map<std::uint8_t, std::optional<Text>>, std::map<std::uint8_t, std::uint8_t>,
             std::map<Text, std::uint8_t>>();
  return all;
}

/// C++20 has no type for it.
bool has_no_cpp_type(const std::string& name) {
  return name == "f16";
}

}  // namespace

TEST_CASE("codecs: the scalars of the table have its names, sizes, alignments and tags") {
  const Json table = read_table();
  REQUIRE(table.at("scalars").size() == 16);
  for (const Json& row : table.at("scalars")) {
    const std::string name = row.at("name");
    INFO(name);
    CHECK(type_called(name).tag == tag_in(row));
    CHECK(type_called(name + "[]").tag == tag_in(row, "array_tag"));
    CHECK(known_type_name(tag_in(row)) == name);
    CHECK(known_type_name(tag_in(row, "array_tag")) == name + "[]");
    if (has_no_cpp_type(name)) continue;
    const KnownType& type = types().at(name);
    CHECK(type.tag == tag_in(row));
    CHECK(type.fixed_size == row.at("size"));
    CHECK(type.alignment == row.at("alignment"));
  }
}

TEST_CASE("codecs: each example of the table is encoded into its bytes and decoded from them") {
  const Json table = read_table();
  REQUIRE(table.at("examples").size() >= 40);
  for (const Json& row : table.at("examples")) {
    const std::string name = row.at("name");
    INFO(name << " " << row.at("value"));
    CHECK(type_called(name).tag == tag_in(row));
    if (has_no_cpp_type(name)) continue;
    const KnownType& type = types().at(name);
    const Bytes bytes = from_hex(row.at("bytes"));
    CHECK(type.tag == tag_in(row));
    CHECK(type.fixed_size == row.at("fixed_size"));
    CHECK(type.alignment == row.at("alignment"));
    CHECK(type.encode(row.at("value")) == bytes);
    CHECK(type.decodes(bytes, row.at("value")));
  }
}

TEST_CASE("codecs: the malformed bytes of the table are refused in words") {
  const Json table = read_table();
  REQUIRE(table.at("malformed").size() >= 30);
  for (const Json& row : table.at("malformed")) {
    const std::string name = row.at("name");
    INFO(name << ": " << row.at("why"));
    const std::string said = types().at(name).refusal(from_hex(row.at("bytes")));
    CHECK(said.find("stored ") != std::string::npos);
    CHECK(said.find("a program that means something else by that name") != std::string::npos);
  }
}

TEST_CASE("codecs: bytes that are cut short or changed are refused, or are another value") {
  const Json table = read_table();
  std::mt19937_64 random(Catch::rngSeed());
  INFO("seed " << Catch::rngSeed());
  std::size_t refused = 0;
  for (const Json& row : table.at("examples")) {
    const std::string name = row.at("name");
    if (has_no_cpp_type(name)) continue;
    INFO(name << " " << row.at("value"));
    const KnownType& type = types().at(name);
    const Bytes bytes = from_hex(row.at("bytes"));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // Memory of exactly this size: sanitizers see a read behind it.
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      refused += type.refusal(cut).empty() ? 0 : 1;
    }
    for (int round = 0; round < 200 && !bytes.empty(); ++round) {
      Bytes changed = bytes;
      const std::size_t changes = 1 + random() % 3;
      for (std::size_t i = 0; i < changes; ++i) {
        std::byte& target = changed[random() % changed.size()];
        target = random() % 2 == 0 ? static_cast<std::byte>(random()) : target ^ std::byte{1} << (random() % 8);
      }
      if (random() % 4 == 0) changed.resize(random() % (2 * changed.size()));
      refused += type.refusal(changed).empty() ? 0 : 1;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("codecs: the error of a part names the part") {
  const Bytes second_is_wrong = from_hex(
      "0200000000000000"
      "1900000000000000"
      "2200000000000000"
      "01"
      "0000000000000001"
      "02");
  const auto read = Codec<std::vector<std::optional<Text>>>::decode(second_is_wrong);
  CHECK(read.error().message ==
        "part 2 of a optional<utf8>[]: a stored optional<utf8> has 9 bytes where 1 were expected: it was put by a "
        "program that means something else by that name");
}

TEST_CASE("codecs: views and literals are encoded as what owns their text") {
  STATIC_REQUIRE(type_tag_of<std::string_view>() == type_tag_of<Text>());
  STATIC_REQUIRE(type_name_of<char[6]>() == "utf8");
  STATIC_REQUIRE(type_name_of<std::vector<std::string_view>>() == "utf8[]");
  STATIC_REQUIRE(type_name_of<std::span<const Text>>() == "utf8[]");
  STATIC_REQUIRE(type_name_of<std::array<Text, 2>>() == "utf8[]");
  STATIC_REQUIRE(type_name_of<std::vector<std::span<const std::byte>>>() == "bytes[]");
  STATIC_REQUIRE(type_tag_of<std::unordered_map<Text, double>>() == type_tag_of<std::map<Text, double>>());
  STATIC_REQUIRE(type_tag_of<std::pair<int, Text>>() == type_tag_of<std::tuple<int, Text>>());
  STATIC_REQUIRE(std::same_as<StoredAs<std::map<std::string_view, const char*>>::type, std::map<Text, Text>>);
  STATIC_REQUIRE(std::same_as<StoredAs<std::tuple<std::string_view, int>>::type, std::tuple<Text, int>>);
  STATIC_REQUIRE(std::same_as<StoredAs<std::span<const Text>>::type, std::vector<Text>>);
  STATIC_REQUIRE(std::same_as<StoredAs<std::array<Text, 2>>::type, std::array<Text, 2>>);
  STATIC_REQUIRE_FALSE(Decodable<std::string_view>);
  STATIC_REQUIRE_FALSE(Decodable<std::vector<std::string_view>>);
  CHECK(encoded("salve") == encoded(Text("salve")));
  const char room[16] = "salve";  // an array ends at its first zero
  CHECK(encoded(room) == encoded(Text("salve")));
  CHECK(encoded(std::vector<std::string_view>{"a", "b"}) == encoded(std::vector<Text>{"a", "b"}));
  CHECK(Codec<std::array<Text, 2>>::decode(encoded(std::vector<Text>{"a", "b"})).value()[1] == "b");
  CHECK_FALSE(Codec<std::array<Text, 2>>::decode(encoded(std::vector<Text>{"a"})));
  const std::unordered_map<Text, double> map = {{"a", 1}, {"b", 2}};
  CHECK(Codec<std::map<Text, double>>::decode(encoded(map)).value().at("b") == 2);
}

TEST_CASE("codecs: different types have different tags") {
  std::map<std::uint64_t, std::string> names;
  std::vector<std::string> level;
  for (const auto& [name, type] : types()) level.push_back(name);
  for (const std::string& a : level) {
    for (const std::string& name : {a, a + "[]", "optional<" + a + ">", "tuple<" + a + ">"})
      names[type_called(name).tag] = name;
    for (const std::string& b : level)
      for (const std::string& name : {"tuple<" + a + "," + b + ">", "map<" + a + "," + b + ">"})
        names[type_called(name).tag] = name;
  }
  std::map<std::string, std::uint64_t> tags;
  for (const auto& [tag, name] : names) tags[name] = tag;
  for (const std::string& a : level) {
    CHECK(tags.contains("tuple<" + a + "," + level.front() + ">"));
    CHECK(tags.contains("map<" + level.front() + "," + a + ">"));
  }
  CHECK(names.size() == tags.size());
  CHECK(names.size() >= 2 * level.size() * level.size());
}

}  // namespace dolium
