#include "shm/text/duration_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace dolium {
namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array kUnits = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"min", 60'000}, Unit{"s", 1000},
                               Unit{"ms", 1}};
/// Maximum duration, 285 years: its nanoseconds, added to the current time, fit into 64 bits.
constexpr std::int64_t kMaxMs = std::int64_t{104'000} * 86'400'000;

Error not_a_duration(std::string_view text) {
  return {Errc::invalid_argument,
          fmt::format("\"{}\" is not a duration: write 500ms, 10s, 5min, 2h, 1d or 1h30m", text)};
}

Error lacks_unit(std::string_view text) {
  return {Errc::invalid_argument, fmt::format("\"{}\" lacks a unit: write 500ms, 10s, 5min, 2h, 1d or 1h30m", text)};
}

Error too_long(std::string_view text) {
  return {Errc::invalid_argument, fmt::format("\"{}\" is too long: the maximum is {} days", text, kMaxMs / 86'400'000)};
}

std::optional<std::int64_t> unit_ms(std::string_view name) {
  if (name == "m") return 60'000;
  for (const Unit& unit : kUnits)
    if (unit.name == name) return unit.ms;
  return std::nullopt;
}

std::string_view take_while(std::string_view& text, bool (*wanted)(char)) {
  std::size_t size = 0;
  while (size < text.size() && wanted(text[size])) ++size;
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

bool is_space(char c) {
  return c == ' ';
}

bool is_number(char c) {
  return (c >= '0' && c <= '9') || c == '.';
}

bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}

}  // namespace

Result<milliseconds> parse_duration(std::string_view text) {
  std::string_view rest = text;
  double total_ms = 0;
  do {
    take_while(rest, is_space);
    const std::string_view digits = take_while(rest, is_number);
    double number = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem == std::errc::result_out_of_range) return too_long(text);
    if (problem != std::errc() || end != digits.data() + digits.size()) return not_a_duration(text);
    take_while(rest, is_space);
    const std::string_view name = take_while(rest, is_letter);
    const auto unit = unit_ms(name);
    const bool is_nothing = number == 0;  // in any unit
    if (!unit && !(name.empty() && is_nothing)) return name.empty() ? lacks_unit(text) : not_a_duration(text);
    total_ms += number * static_cast<double>(unit.value_or(0));
    take_while(rest, is_space);
  } while (!rest.empty());
  if (!(total_ms <= static_cast<double>(kMaxMs))) return too_long(text);
  return milliseconds(std::llround(total_ms));
}

std::string format_duration(milliseconds duration) {
  std::int64_t left = duration.count();
  if (left < 1000) return fmt::format("{} ms", left);
  std::string out;
  int parts = 0;
  for (const Unit& unit : kUnits) {
    if (unit.ms == 1) break;
    const std::int64_t count = left / unit.ms;
    left %= unit.ms;
    if (count == 0 && parts == 0) continue;
    if (count != 0) out += fmt::format("{}{} {}", out.empty() ? "" : " ", count, unit.name);
    if (++parts == 2) break;
  }
  return out;
}

std::string format_duration_exact(milliseconds duration) {
  return duration.count() % 1000 == 0 ? fmt::format("{}s", duration.count() / 1000)
                                      : fmt::format("{}ms", duration.count());
}

}  // namespace dolium
