#pragma once
// Bytes and numbers on a terminal. Text that did not come from us: shm/text/printable.h.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shm/text/printable.h"

namespace dolium::cli {

/// Lines of 16 bytes, offset, hexadecimal and text, as hexdump -C shows them, each behind `indent`.
[[nodiscard]] std::string hex_lines(std::span<const std::byte> bytes, std::string_view indent);

/// Would a terminal show this as text, and nothing else?
[[nodiscard]] bool is_text(std::span<const std::byte> bytes) noexcept;

/// "1 object", "12 objects"
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

/// "12,345,678"
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace dolium::cli
