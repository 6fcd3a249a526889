#pragma once
// Other people's bytes on our user's terminal: names of types, users and programs may contain anything, and a
// terminal obeys what it is shown. All text that did not come from us passes through here.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dolium::cli {

/// The text with everything that is not plainly visible (control characters, invalid UTF-8, invisible and
/// direction-changing code points) as \xNN.
[[nodiscard]] std::string printable(std::string_view text);

/// The same, cut to `width` columns with an ellipsis.
[[nodiscard]] std::string printable(std::string_view text, std::size_t width);

/// How many columns printable text takes: its code points.
[[nodiscard]] std::size_t columns(std::string_view text) noexcept;

/// Lines of 16 bytes, offset, hexadecimal and text, as hexdump -C shows them, each behind `indent`.
[[nodiscard]] std::string hex_lines(std::span<const std::byte> bytes, std::string_view indent);

/// Would a terminal show this as text, and nothing else?
[[nodiscard]] bool is_text(std::span<const std::byte> bytes) noexcept;

/// "1 object", "12 objects"
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

/// "12,345,678"
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace dolium::cli
