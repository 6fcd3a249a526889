#pragma once
// The table of the daemon's options, and its two readers: for the file and for the command line. Private to
// daemon/config/*.cc and their tests.
//
// Both readers give an option's value as words: one word, or any number for a list. The option's row converts them to a
// member of Config, and the member back to TOML.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dolium/result.h>

#include "daemon/config/config.h"

namespace dolium::daemon {

using Words = std::vector<std::string>;

/// The error for an option's bad value, name or place.
[[nodiscard]] inline Error invalid(std::string message) {
  return {Errc::invalid_argument, std::move(message)};
}

/// The valid kinds of values of an option.
struct ValueType {
  std::string_view placeholder;  ///< in --help: SIZE
  std::string_view wanted;       ///< in messages: `a size such as "64MiB"`
  bool string = false;           ///< accepted kinds of TOML values
  bool integer = false;
  bool floating_point = false;
  bool boolean = false;
  bool list = false;  ///< any number of strings and integers
};

struct Option {
  std::string_view section;
  std::string_view key;   ///< unique within its section
  std::string_view flag;  ///< unique, with the dashes
  std::string_view help;  ///< one line
  ValueType type;
  /// Sets the member from words: exactly one unless type.list. The error explains what is wrong with the words; the
  /// caller adds their place.
  std::function<Result<void>(Config&, const Words&)> assign;
  /// The member as a TOML value.
  std::function<std::string(const Config&)> show;
  bool for_life = false;  ///< a server that takes over a store cannot change it
};

/// All options, grouped by section, in the order of help and file.
[[nodiscard]] std::span<const Option> options();

/// Applies the file to `config`. Errors contain file:line:column.
[[nodiscard]] Result<void> read_file(const std::string& path, Config& config);
/// The same for the text of a file; `path` is for messages.
[[nodiscard]] Result<void> read_toml(std::string_view text, const std::string& path, Config& config);

/// The parsed command line. It is applied after the configuration file, which it may name.
struct CommandLine {
  struct Given {
    const Option* option;
    Words words;
  };
  Action action = Action::run;
  std::string config_file;  ///< empty: none
  int starter_fd = -1;      ///< -1: none
  std::vector<Given> given;
  std::string text;
};
[[nodiscard]] Result<CommandLine> read_flags(int argc, const char* const* argv);

}  // namespace dolium::daemon
