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

std::size_t columns(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

}  // namespace dolium
