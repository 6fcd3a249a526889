#include "shm/text/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: invalid UTF-8
};

constexpr bool is_continuation(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Precondition: !text.empty(). Overlong forms, surrogates and values beyond U+10FFFF are invalid.
CodePoint first_code_point(std::string_view text) noexcept {
  constexpr char32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = (lead & 0xE0) == 0xC0 ? 2 : (lead & 0xF0) == 0xE0 ? 3 : (lead & 0xF8) == 0xF0 ? 4 : 0;
  if (size == 0 || text.size() < size) return {};
  char32_t value = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i])) return {};
    value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value < kLowest[size] || surrogate || value > 0x10FFFF ? CodePoint{} : CodePoint{value, size};
}

struct Range {
  char32_t first, last;
};
/// C0, DEL and C1 controls; soft hyphen; zero-width, direction and format characters; line and paragraph
/// separators; byte order mark; interlinear and tag characters; private use and noncharacters.
constexpr Range kNotVisible[] = {{0, 0x1F},        {0x7F, 0x9F},       {0xAD, 0xAD},       {0x61C, 0x61C},
                                 {0x180E, 0x180E}, {0x200B, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},
                                 {0xE000, 0xF8FF}, {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},
                                 {0xFFFE, 0xFFFF}, {0xE0000, 0xE0FFF}, {0xF0000, 0x10FFFF}};

bool is_visible(char32_t code) noexcept {
  return std::ranges::none_of(kNotVisible, [code](Range r) { return code >= r.first && code <= r.last; });
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint code = first_code_point(text);
    const std::size_t size = std::max<std::size_t>(code.bytes, 1);
    if (code.value == '\\') {
      out += "\\\\";
    } else if (code.bytes != 0 && is_visible(code.value)) {
      out += text.substr(0, size);
    } else {
      for (const char c : text.substr(0, size)) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    text.remove_prefix(size);
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
