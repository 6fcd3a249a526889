// What parse_size() takes and refuses, and that it reads back whatever the formatters write.

#include "shm/text/size_text.h"

#include <catch2/catch.hpp>
#include <limits>
#include <random>

namespace dolium {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::uint64_t parsed(const char* text) {
  INFO(text);
  const Result<std::uint64_t> size = parse_size(text);
  REQUIRE(size.has_value());
  return *size;
}

}  // namespace

TEST_CASE("sizes are read with binary, decimal and no units") {
  CHECK(parsed("0") == 0);
  CHECK(parsed("1000") == 1000);
  CHECK(parsed("17B") == 17);
  CHECK(parsed("64MiB") == 64u << 20);
  CHECK(parsed("64 MiB") == 64u << 20);
  CHECK(parsed("64mib") == 64u << 20);
  CHECK(parsed("512k") == 512u << 10);
  CHECK(parsed("512K") == 512u << 10);
  CHECK(parsed("10GB") == 10'000'000'000);
  CHECK(parsed("1kB") == 1000);
  CHECK(parsed("2T") == std::uint64_t{2} << 40);
  CHECK(parsed("3PiB") == std::uint64_t{3} << 50);
  CHECK(parsed("15EiB") == std::uint64_t{15} << 60);
}

TEST_CASE("fractions are exact, and less than a byte is dropped") {
  CHECK(parsed("1.5GiB") == std::uint64_t{3} << 29);
  CHECK(parsed("0.1kB") == 100);
  CHECK(parsed("0.1KiB") == 102);
  CHECK(parsed("1.999999B") == 1);
  CHECK(parsed("0.000000000000000001EB") == 1);
}

TEST_CASE("the largest size is one byte below 16 EiB") {
  CHECK(parsed("18446744073709551615") == kMax);
  for (const char* text : {"18446744073709551616", "16EiB", "15.99999999999999999EiB0", "99999999999999999999999999999",
                           "340282366920938463463374607431768211457EiB"}) {
    INFO(text);
    CHECK_FALSE(parse_size(text));
  }
  CHECK(parse_size("16EiB").error().message == "\"16EiB\" is too large a size: it must stay below 16EiB");
}

TEST_CASE("what is no size is refused with examples") {
  for (const char* text :
       {"",     " ",      "MiB",     "-1",     "+1",     "1.",     ".5", "1.5.5", "1e9",  "0x10",
        "64MQ", "64MiBs", "64 M iB", "64MiB ", " 64MiB", "1,5GiB", "kB", "1bb",   "1bib", "1.0000000000000000001k"}) {
    INFO(text);
    const Result<std::uint64_t> size = parse_size(text);
    REQUIRE_FALSE(size);
    CHECK(size.error().code == Errc::invalid_argument);
    CHECK(size.error().message.find("64MiB") != std::string::npos);
  }
}

TEST_CASE("sizes are written for people with a few digits") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(512) == "512 B");
  CHECK(format_size(1023) == "1023 B");
  CHECK(format_size(1024) == "1 KiB");
  CHECK(format_size(64u << 20) == "64 MiB");
  CHECK(format_size(std::uint64_t{3} << 29) == "1.5 GiB");
  CHECK(format_size(1'000'000) == "977 KiB");
  CHECK(format_size(24'684'084ull * 1024) == "23.5 GiB");
  CHECK(format_size(100) == "100 B");
  CHECK(format_size((1u << 20) - 1) == "1 MiB");
  CHECK(format_size(kMax) == "16 EiB");
}

TEST_CASE("exact sizes name the largest unit that divides them") {
  CHECK(format_size_exact(0) == "0");
  CHECK(format_size_exact(1000) == "1000");
  CHECK(format_size_exact(1536u << 20) == "1536MiB");
  CHECK(format_size_exact(std::uint64_t{1} << 30) == "1GiB");
  CHECK(format_size_exact(std::uint64_t{1} << 63) == "8EiB");
}

TEST_CASE("whatever is written can be read") {
  std::mt19937_64 random(20);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t size = random() >> (random() % 64) << (random() % 64);
    INFO(size);
    CHECK(parse_size(format_size_exact(size)).value() == size);
    if (size >> 63 != 0) continue;  // "16 EiB" is no size
    const std::uint64_t rounded = parse_size(format_size(size)).value();
    CHECK(static_cast<double>(rounded) == Approx(static_cast<double>(size)).epsilon(0.006));
  }
}

}  // namespace dolium
