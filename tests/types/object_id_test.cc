// ObjectId as a value: its texts, its order, its hash, and that names keep their ids from release to release.

#include <dolium/object_id.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <set>
#include <sstream>
#include <unordered_set>

namespace dolium {

TEST_CASE("the default id is all zero and an id like any other") {
  const ObjectId id;
  CHECK(id.hex() == std::string(40, '0'));
  CHECK(id.binary() == std::string(20, '\0'));
  CHECK(id == ObjectId::from_binary(id.binary()).value());
}

TEST_CASE("ids survive both of their texts") {
  for (int i = 0; i < 100; ++i) {
    const ObjectId id = ObjectId::random();
    CHECK(id.binary().size() == ObjectId::kSize);
    CHECK(ObjectId::from_binary(id.binary()).value() == id);
    CHECK(ObjectId::from_hex(id.hex()).value() == id);
  }
}

TEST_CASE("hexadecimal digits are read in either case and written in lower case") {
  const std::string lower = "00ff0123456789abcdefabcdef00112233445566";
  const std::string upper = "00FF0123456789ABCDEFABCDEF00112233445566";
  const ObjectId id = ObjectId::from_hex(upper).value();
  CHECK(id.hex() == lower);
  CHECK(id == ObjectId::from_hex(lower).value());
  CHECK(id.bytes()[0] == 0x00);
  CHECK(id.bytes()[1] == 0xff);
  CHECK(id.bytes()[19] == 0x66);
}

TEST_CASE("what is no id is invalid_argument") {
  for (const std::string& text : {std::string(), std::string(39, 'a'), std::string(41, 'a'), std::string(39, 'a') + 'g',
                                  ' ' + std::string(39, 'a'), "0x" + std::string(38, 'a')}) {
    INFO(text);
    const Result<ObjectId> id = ObjectId::from_hex(text);
    REQUIRE_FALSE(id);
    CHECK(id.error().code == Errc::invalid_argument);
  }
  CHECK(ObjectId::from_binary(std::string(19, 'a')).error().code == Errc::invalid_argument);
  CHECK(ObjectId::from_binary(std::string(21, 'a')).error().code == Errc::invalid_argument);
  CHECK(ObjectId::from_binary("").error().code == Errc::invalid_argument);
}

TEST_CASE("random ids differ, and so do their hashes") {
  std::unordered_set<ObjectId> ids;
  std::set<std::size_t> hashes;
  for (int i = 0; i < 10'000; ++i) {
    const ObjectId id = ObjectId::random();
    ids.insert(id);
    hashes.insert(id.hash());
  }
  CHECK(ids.size() == 10'000);
  CHECK(hashes.size() == 10'000);
}

TEST_CASE("a name has the same id in every release") {
  // Computed once, kept for ever: processes of different releases meet at these ids.
  CHECK(ObjectId::from_name("").hex() == "88010eda4dd5ba85fb6dddc22f3020beb7a14a5e");
  CHECK(ObjectId::from_name("model/weights").hex() == "e6497d29f254358870cf4b9048cc55bbf373b00f");
  CHECK(ObjectId::from_name("a") == ObjectId::from_name("a"));
}

TEST_CASE("different names have different ids") {
  std::set<ObjectId> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(ObjectId::from_name(std::to_string(i)));
  ids.insert(ObjectId::from_name(std::string("a\0", 2)));
  ids.insert(ObjectId::from_name("a"));
  CHECK(ids.size() == 10'002);
}

TEST_CASE("the hash reaches every bit: one changed bit of an id changes its bucket") {
  // 160 neighbours of one id in 256 buckets: a uniform hash leaves about 137 buckets empty; a hash that ignores a
  // word of the id puts dozens into one.
  std::array<int, 256> low{};
  std::array<int, 256> high{};
  const std::string origin = ObjectId::from_name("origin").binary();
  for (std::size_t bit = 0; bit < 160; ++bit) {
    std::string changed = origin;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const std::size_t hash = ObjectId::from_binary(changed).value().hash();
    ++low[hash & 0xff];
    ++high[hash >> (std::numeric_limits<std::size_t>::digits - 8)];
  }
  CHECK(*std::max_element(low.begin(), low.end()) <= 6);
  CHECK(*std::max_element(high.begin(), high.end()) <= 6);
}

TEST_CASE("ids are ordered as their bytes are, unsigned") {
  const ObjectId low = ObjectId::from_hex("7f" + std::string(38, 'f')).value();
  const ObjectId high = ObjectId::from_hex("80" + std::string(38, '0')).value();
  CHECK(low < high);
  CHECK(ObjectId() < low);
  CHECK_FALSE(low < low);
}

TEST_CASE("ids print as their digits") {
  const ObjectId id = ObjectId::random();
  std::ostringstream stream;
  stream << id;
  CHECK(stream.str() == id.hex());
  CHECK(to_string(id) == id.hex());
  CHECK(format_as(id) == id.hex());
}

}  // namespace dolium
