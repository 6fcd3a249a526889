#include "shm/text/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium {
namespace {

constexpr bool is_continuation(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

std::string printable(std::string_view text) {
  const std::string quoted = fmt::format("{:?}", text);
  std::string out;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '\\' && quoted[i + 1] != '"') out += quoted[i];
    if (quoted[i] == '\\') ++i;
    out += quoted[i];
  }
  return out;
}

std::string printable(std::string_view text, std::size_t width) {
  // Bytes far beyond the width need no escaping: a code point has at most four bytes.
  return shortened(printable(text.substr(0, 4 * width + 4)), width);
}

std::string shortened(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  std::size_t end = 0;
  for (std::size_t column = 0; column + 1 < width; ++column) {
    ++end;
    while (end < text.size() && is_continuation(text[end])) ++end;
  }
  return std::string(text.substr(0, end)).append("…");
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    if (length == 0 || length > text.size()) return false;
    for (std::size_t i = 1; i < length; ++i)
      if (!is_continuation(text[i])) return false;
    const auto second = static_cast<unsigned char>(length > 1 ? text[1] : 0);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool no_code_point = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
    if (overlong || no_code_point) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::size_t columns(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

}  // namespace dolium
