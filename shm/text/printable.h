#pragma once
// Makes foreign text safe for a terminal and a log. Names of types, users and programs may contain anything: control
// sequences would drive the reader's terminal, and a line break would forge a line of the log. All text that does not
// come from Dolium is escaped here, once, where it is shown. Elsewhere, and in JSON, it stays as it is.

#include <cstddef>
#include <string>
#include <string_view>

namespace dolium {

/// The text with its invisible parts (control characters, invalid UTF-8, invisible and direction-changing code points)
/// escaped as in C++, like "\n" and "\x1b", and each backslash doubled. Quotation marks stay as they are.
[[nodiscard]] std::string printable(std::string_view text);

/// The same, cut to `width` columns, with an ellipsis at the end if it was cut.
[[nodiscard]] std::string printable(std::string_view text, std::size_t width);

/// Any text, cut to `width` code points; if it was cut, the last one is an ellipsis.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

/// Whether the text is valid UTF-8: no truncated, overlong or surrogate code points. The packages that have this
/// (utf8cpp, ICU, flatbuffers, which takes a std::string) would each be one more dependency of all of shm/ for it.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// Width of printable text in columns: its number of code points.
[[nodiscard]] std::size_t columns(std::string_view text) noexcept;

}  // namespace dolium
