#include "shm/text/size_text.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <limits>
#include <optional>

namespace dolium {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kMaxSize = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view kPrefixes = "kmgtpe";
constexpr std::array<std::string_view, 7> kBinaryUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
// 10^18 < 2^64, and (10^18) * 2^60 fits into 128 bits with room to spare.
constexpr std::size_t kMaxFractionDigits = 18;

Error not_a_size(std::string_view text) {
  return Error{Errc::invalid_argument,
               fmt::format("\"{}\" is not a size; write 64MiB, 1.5GiB, 10GB, 512k or a number of bytes", text)};
}

std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && std::isdigit(static_cast<unsigned char>(text[count])) != 0) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

/// Saturates at 2^64, which is too large for every unit.
Wide number(std::string_view digits) {
  Wide value = 0;
  for (const char digit : digits) {
    value = value * 10 + static_cast<unsigned>(digit - '0');
    if (value > kMaxSize) return Wide{kMaxSize} + 1;
  }
  return value;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::optional<std::uint64_t> bytes_in(std::string_view written) {
  const std::string unit = lower_case(written);
  if (unit.empty() || unit == "b") return 1;
  const std::size_t power = kPrefixes.find(unit.front());
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = std::string_view(unit).substr(1);
  if (rest != "" && rest != "ib" && rest != "b") return std::nullopt;
  std::uint64_t bytes = 1;
  for (std::size_t i = 0; i <= power; ++i) bytes *= rest == "b" ? 1000 : 1024;
  return bytes;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest = text;
  const std::string_view whole = take_digits(rest);
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
    if (fraction.empty() || fraction.size() > kMaxFractionDigits) return not_a_size(text);
  }
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const std::optional<std::uint64_t> unit = bytes_in(rest);
  if (whole.empty() || !unit) return not_a_size(text);
  Wide scale = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i) scale *= 10;
  const Wide bytes = number(whole) * *unit + number(fraction) * *unit / scale;
  if (bytes > kMaxSize)
    return Error{Errc::invalid_argument, fmt::format("\"{}\" is too large a size: it must stay below 16EiB", text)};
  return static_cast<std::uint64_t>(bytes);
}

std::string format_size(std::uint64_t bytes) {
  std::size_t unit = 0;
  double value = static_cast<double>(bytes);
  // 1023.5 would be rounded to 1024, which is 1 of the next unit.
  while (value >= 1023.5 && unit + 1 < kBinaryUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::string digits = fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
  }
  return fmt::format("{} {}", digits, kBinaryUnits[unit]);
}

std::string format_size_exact(std::uint64_t bytes) {
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}", bytes) : fmt::format("{}{}", bytes, kBinaryUnits[unit]);
}

}  // namespace dolium
