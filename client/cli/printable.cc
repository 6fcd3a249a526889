#include "client/cli/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium::cli {

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
