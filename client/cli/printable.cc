#include "client/cli/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium::cli {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: no valid UTF-8
};

constexpr bool is_continuation(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Precondition: !text.empty(). Overlong forms, surrogates and what lies beyond Unicode are not valid.
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
    if (code.bytes != 0 && is_visible(code.value)) {
      out += text.substr(0, size);
    } else {
      for (const char c : text.substr(0, size)) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    text.remove_prefix(size);
  }
  return out;
}

std::string printable(std::string_view text, std::size_t width) {
  // What is far beyond the width need not be looked at: no code point has more than four bytes.
  std::string out = printable(text.substr(0, 4 * width + 4));
  if (columns(out) <= width) return out;
  std::size_t end = 0;
  for (std::size_t column = 0; column + 1 < width; ++column) {
    ++end;
    while (end < out.size() && is_continuation(out[end])) ++end;
  }
  out.resize(end);
  return out.append("…");
}

std::size_t columns(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

std::string hex_lines(std::span<const std::byte> bytes, std::string_view indent) {
  constexpr std::size_t kLine = 16;
  std::string out;
  for (std::size_t begin = 0; begin < bytes.size(); begin += kLine) {
    const auto line = bytes.subspan(begin, std::min(kLine, bytes.size() - begin));
    std::string hex, text;
    for (const std::byte byte : line) {
      const auto value = std::to_integer<unsigned>(byte);
      hex += fmt::format("{:02x} ", value);
      text += value >= 0x20 && value < 0x7F ? static_cast<char>(value) : '.';
    }
    out += fmt::format("{}{:04x}  {:<{}} |{}|\n", indent, begin, hex, kLine * 3, text);
  }
  return out;
}

bool is_text(std::span<const std::byte> bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::byte byte) {
    const auto value = std::to_integer<unsigned char>(byte);
    return value == '\n' || value == '\t' || value == '\r' || (value >= 0x20 && value != 0x7F);
  });
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

std::string grouped(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t i = digits.size(); i > 3;) digits.insert(i -= 3, 1, ',');
  return digits;
}

}  // namespace dolium::cli
