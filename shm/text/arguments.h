#pragma once
// Prepares the command line of doliumd and dolium for CLI11, and rewords some of CLI11's errors.

#include <string>
#include <string_view>
#include <vector>

namespace dolium {

/// The arguments without the program's name, in reverse order, as CLI11 takes them. "--name=" becomes "--name" and an
/// empty word; CLI11 would take the next argument as the value. Arguments after "--" stay as they are.
[[nodiscard]] std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv);

/// Rewords an error of CLI11 that does not say what the user did wrong. A test of each program notices if CLI11 changes
/// its texts.
[[nodiscard]] std::string in_our_words(std::string_view text);

}  // namespace dolium
