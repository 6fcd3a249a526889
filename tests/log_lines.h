#pragma once
// What tests look for in a log. Without <regex>, which costs more seconds to compile than the test that uses it.

#include <charconv>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace dolium::test {

[[nodiscard]] inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// "2026-11-29T21:23:30.123+01:00 warning ..." without its first word; nothing when that is not a time stamp.
[[nodiscard]] inline std::string without_time_stamp(std::string_view line) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.ddd+dd:dd ";  // d: a digit; +: a sign
  if (line.size() < kForm.size()) return "";
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const char is = line[i];
    if (kForm[i] == 'd' ? is < '0' || is > '9' : kForm[i] == '+' ? is != '+' && is != '-' : is != kForm[i]) return "";
  }
  return std::string(line.substr(kForm.size()));
}

/// The number that stands right between the two, "warning 700 lines of this log ..."; nothing when there is none.
[[nodiscard]] inline std::optional<std::size_t> number_between(std::string_view line, std::string_view before,
                                                               std::string_view after) {
  const std::size_t begin = line.find(before);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(begin + before.size());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || !rest.substr(static_cast<std::size_t>(end - rest.data())).starts_with(after))
    return std::nullopt;
  return number;
}

}  // namespace dolium::test
