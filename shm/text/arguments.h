#pragma once
// Prepares the command line of doliumd and dolium for CLI11, and rewords an error of CLI11.

#include <string>
#include <string_view>
#include <vector>

namespace dolium {

/// The arguments without the program's name, in reverse order, as CLI11 takes them. "--name=" becomes "--name" and an
/// empty word; CLI11 would take the next argument as the value. Arguments after "--" stay as they are.
[[nodiscard]] std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv);

/// CLI11's error text, reworded if it is unclear: only that for a value given to a flag ("--json=5") is.
[[nodiscard]] std::string reworded(std::string_view text);

}  // namespace dolium
