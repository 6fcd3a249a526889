#pragma once
// Formats bytes and numbers for a terminal. Foreign text: shm/text/printable.h.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shm/text/printable.h"

namespace dolium::cli {

/// Lines of 16 bytes with offset, hexadecimal and text, like hexdump -C. Each line begins with `indent`.
[[nodiscard]] std::string hex_lines(std::span<const std::byte> bytes, std::string_view indent);

/// Whether a terminal would show these bytes as plain text.
[[nodiscard]] bool is_text(std::span<const std::byte> bytes) noexcept;

/// "1 object", "12 objects"
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

/// "12,345,678"
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace dolium::cli
