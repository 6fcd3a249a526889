// Stored types in words, and which bytes can be a value of a type.

#include "shm/types/type_names.h"

#include <dolium/codec.h>

#include <catch2/catch.hpp>
#include <complex>

using namespace dolium;
using Catch::Contains;

namespace {

std::string refusal(std::string_view type_name, std::string_view bytes) {
  const Result<void> valid = check_value(type_name, std::as_bytes(std::span(bytes)));
  if (valid) return "";
  CHECK(valid.error().code == Errc::invalid_argument);
  return valid.error().message;
}

}  // namespace

TEST_CASE("types: a stored type in words is its name, or says that there is none") {
  CHECK(type_in_words(0, "") == "raw bytes");
  CHECK(type_in_words(0, "a name without a tag") == "raw bytes");
  CHECK(type_in_words(type_tag_of<std::vector<double>>(), "forged") == "f64[]");
  CHECK(type_in_words(7, "acme.Thing@2") == "acme.Thing@2");
  CHECK(type_in_words(7, "\x1b[2J") == "\\x1b[2J");
  CHECK(type_in_words(7, std::string(255, 'n')) == std::string(63, 'n') + "…");
  CHECK(type_in_words(7, "") == "a type without a name (tag 0000000000000007)");
}

TEST_CASE("types: bytes whose number does not fit their type are refused in words") {
  CHECK(refusal("f64", "123") == "3 bytes are no f64, which has 8 bytes");
  CHECK(refusal("f64[]", "123") == "3 bytes are no f64[]: each of its elements has 8 bytes");
  struct Case {
    const char* type;
    std::size_t size;
  };
  for (const Case& fits : {Case{"u8", 1},
                           {"i128", 16},
                           {"c64", 8},
                           {"f64[]", 0},
                           {"f64[]", 24},
                           {"u16[]", 6},
                           {"optional<f64>", 16},
                           {"optional<u8>[]", 6},
                           {"tuple<bool,i32,f64>", 16},
                           {"tuple<f64,u8>", 16},
                           {"tuple<c128,u8>", 24},
                           {"tuple<u8,optional<i16>>[]", 12}}) {
    INFO(fits.type);
    CHECK(check_value_size(fits.type, fits.size));
    if (fits.size != 0) CHECK_FALSE(check_value_size(fits.type, fits.size + 1));
  }
}

TEST_CASE("types: bytes of a type whose values have their own sizes are taken") {
  for (const char* type : {"", "utf8", "utf8[]", "bytes[]", "map<i32,f64>", "optional<utf8>", "tuple<f64,utf8>",
                           "acme.Thing", "acme.Thing[]", "tuple<>", "optional<>", "optional<f64,f64>", "tuple<f64"}) {
    INFO(type);
    CHECK(check_value_size(type, 3));
  }
}

TEST_CASE("types: the sizes are those of the C++ codecs") {
  using Part = std::tuple<std::uint8_t, std::optional<std::complex<double>>, std::int16_t>;
  const std::string name(type_name_of<Part>());
  CHECK(check_value_size(name, Codec<Part>::fixed_size));
  CHECK_FALSE(check_value_size(name, Codec<Part>::fixed_size - 8));
}

TEST_CASE("types: text that is not UTF-8 and bools that are neither 0 nor 1 are refused") {
  CHECK(refusal("utf8", "salve ä").empty());
  CHECK(refusal("utf8", "").empty());
  CHECK_THAT(refusal("utf8", "\xff"), Contains("not valid UTF-8"));
  CHECK(refusal("bool", std::string_view("\1", 1)).empty());
  CHECK_THAT(refusal("bool", "2"), Contains("no bool: a bool is a byte that is 0 or 1"));
  CHECK(refusal("bool[]", std::string_view("\0\1\0", 3)).empty());
  CHECK_THAT(refusal("bool[]", std::string_view("\0\2", 2)), Contains("no bool[]"));
}
