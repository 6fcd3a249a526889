#pragma once
// Other people's bytes on our user's terminal, and in our log: names of types, users and programs may contain anything.
// A terminal obeys what it is shown, and a line of a log is believed. All text that did not come from us passes
// through here, once, where it is shown: until then, and in JSON, it is what it is.

#include <cstddef>
#include <string>
#include <string_view>

namespace dolium {

/// The text with everything that is not plainly visible (control characters, invalid UTF-8, invisible and
/// direction-changing code points) as \xNN, and a backslash as two: what is shown tells what it was.
[[nodiscard]] std::string printable(std::string_view text);

/// The same, cut to `width` columns with an ellipsis.
[[nodiscard]] std::string printable(std::string_view text, std::size_t width);

/// Any text cut to `width` code points, the last of them an ellipsis if any are left out.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

/// How many columns printable text takes: its code points.
[[nodiscard]] std::size_t columns(std::string_view text) noexcept;

}  // namespace dolium
