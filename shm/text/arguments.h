#pragma once
// A command line's words as CLI11 wants them: both of our programs have it split theirs.

#include <string>
#include <string_view>
#include <vector>

namespace dolium {

/// The arguments without the program's name, last one first, which is how CLI11 takes them. "--name=" becomes "--name"
/// and an empty word, for which CLI11 would take the next argument otherwise; what stands behind "--" stays as it is.
[[nodiscard]] std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv);

/// An error of CLI11's, in words that say what was wrong; a test of each program holds them together.
[[nodiscard]] std::string in_our_words(std::string_view text);

}  // namespace dolium
