#include "client/cli/time_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "client/cli/printable.h"

namespace dolium::cli {
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

std::string format_fields(std::string_view format, const std::tm& fields,
                          std::chrono::system_clock::time_point moment) {
  const auto fraction = moment.time_since_epoch() - std::chrono::floor<std::chrono::seconds>(moment.time_since_epoch());
  return fmt::format("{}.{:03}", fmt::format(fmt::runtime(format), fields),
                     std::chrono::floor<milliseconds>(fraction).count());
}

std::time_t seconds_of(std::chrono::system_clock::time_point moment) {
  return std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(moment));
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

Result<Timeout> parse_timeout(std::string_view text) {
  if (text == "forever") return wait_forever;
  const Result<milliseconds> duration = parse_duration(text);
  if (!duration) return duration.error();
  return Timeout(*duration);
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

std::string format_latency(std::chrono::nanoseconds latency) {
  const auto ns = static_cast<double>(latency.count());
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.1f} ms", ns / 1e6);
  return fmt::format("{:.1f} s", ns / 1e9);
}

std::string format_utc(std::chrono::system_clock::time_point moment) {
  return format_fields("{:%FT%T}", fmt::gmtime(seconds_of(moment)), moment) + "Z";
}

Result<std::chrono::system_clock::time_point> parse_utc(std::string_view text) {
  const std::string copy(text);
  std::tm fields{};
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  double part = 0;
  if (rest != nullptr && *rest == '.') {
    char* end = nullptr;
    part = std::strtod(rest, &end);
    rest = end;
  }
  if (rest == nullptr || std::string_view(rest) != "Z")
    return Error{Errc::invalid_argument,
                 fmt::format("\"{}\" is not a time: write it like 2026-11-22T15:36:45Z", printable(text))};
  using Clock = std::chrono::system_clock;
  return Clock::from_time_t(::timegm(&fields)) +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(part));
}

std::string format_local(std::chrono::system_clock::time_point moment) {
  return format_fields("{:%F %T}", fmt::localtime(seconds_of(moment)), moment);
}

}  // namespace dolium::cli
