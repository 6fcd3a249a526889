#pragma once
// The table of the daemon's options, and the two readers that walk it: the file's and the command line's.
// Private to daemon/config*.cc and their tests.
//
// An option's value arrives as words, whoever wrote it: one word, or any number for a list. Its row turns them
// into a member of Config and the member back into TOML.

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

/// What may stand for an option's value.
struct ValueType {
  std::string_view placeholder;  ///< in --help: SIZE
  std::string_view wanted;       ///< in messages: `a size such as "64MiB"`
  bool string = false;           ///< which kinds of TOML value will do
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
  /// Sets the member from words: exactly one unless type.list. The error says what is wrong with the words,
  /// and leaves it to the caller to say where they stand.
  std::function<Result<void>(Config&, const Words&)> assign;
  /// The member as a TOML value.
  std::function<std::string(const Config&)> show;
  bool for_life = false;  ///< another server, which goes on with a store, cannot change it
};

/// Every option, sections together, in the order in which people see them.
[[nodiscard]] std::span<const Option> options();

/// Sets in `config` what the file says. Errors carry file:line:column.
[[nodiscard]] Result<void> read_file(const std::string& path, Config& config);
/// Likewise, from the file's text; `path` is for messages.
[[nodiscard]] Result<void> read_toml(std::string_view text, const std::string& path, Config& config);

/// The command line, not yet applied: the file that it may name comes first.
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
