#pragma once
// CommandLine: selects the verb, runs it, and reports its outcome. A verb is a function that returns an Outcome, mostly
// a Result. Success is exit status 0. A failure prints its message on standard error, with --json also an error object
// on standard output, and gives the exit status of its kind (exit_status.h). No other code ends the program, so
// destructors of a verb always run.

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <dolium/client.h>

#include "client/cli/exit_status.h"

namespace CLI {
class App;
}

namespace dolium::cli {

/// The options of one verb. Wraps CLI11, so that only one file includes its header. A name is "id" (positional),
/// "--ttl" or "-o,--output"; `what` is the placeholder in help. Targets must outlive the parsing, and contain the
/// default. Invalid values (an empty text, a number or a time out of range) are errors that name the option; they never
/// mean "not given".
class VerbOptions {
 public:
  explicit VerbOptions(CLI::App& app) noexcept : app_(&app) {}

  /// `most`: maximum number of bytes.
  VerbOptions& text(const char* name, std::string& target, const char* what, const char* about,
                    std::size_t most = std::numeric_limits<std::size_t>::max());
  VerbOptions& required(const char* name, std::string& target, const char* what, const char* about);
  VerbOptions& required(const char* name, std::vector<std::string>& target, const char* what, const char* about);
  VerbOptions& optional(const char* name, std::vector<std::string>& target, const char* what, const char* about);
  VerbOptions& one_of(const char* name, std::string& target, const std::vector<std::string>& words, const char* what,
                      const char* about);
  VerbOptions& number(const char* name, std::size_t& target, const char* about, std::size_t least = 0,
                      std::size_t most = std::numeric_limits<std::size_t>::max());
  VerbOptions& duration(const char* name, std::chrono::milliseconds& target, const char* about,
                        std::chrono::milliseconds least = std::chrono::milliseconds(1));
  VerbOptions& timeout(const char* name, Timeout& target, const char* about);
  VerbOptions& flag(const char* name, bool& target, const char* about);  ///< "!--no-x" makes it false
  VerbOptions& not_both(const char* one, const char* other);

 private:
  CLI::App* app_;
};

/// The options of all verbs.
struct Globals {
  std::string socket = default_socket_path();
  bool json = false;
};

class CommandLine {
 public:
  using Verb = std::function<Outcome(const Globals&)>;

  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Adds a verb; the caller adds its options. `run` is called if the command line selects the verb and is valid.
  VerbOptions add(const std::string& name, const std::string& about, Verb run);

  /// Runs the command line. Returns the program's exit status.
  [[nodiscard]] int run(int argc, const char* const* argv);

 private:
  [[nodiscard]] Outcome parse_and_run(int argc, const char* const* argv);
  [[nodiscard]] Outcome help_on(const std::string& word) const;
  [[nodiscard]] Error usage(const std::string& mistake) const;
  [[nodiscard]] std::string nearest_option(const std::string& word) const;
  [[nodiscard]] Error misplaced(const std::string& word) const;

  std::unique_ptr<CLI::App> app_;
  Globals globals_;
  Verb chosen_;
};

/// Connects; does not wait for a daemon to appear. Verbs that only read use read-only access, so users without write
/// access can call them. A failure is permission_denied, or disconnected for every other reason: no answer, another
/// protocol version or an invalid path all mean that there is no daemon to work with.
[[nodiscard]] Result<std::shared_ptr<Client>> connect(const Globals& globals, Access access);
/// The same, with the library's own error code, for the doctor.
[[nodiscard]] Result<std::shared_ptr<Client>> try_to_connect(const Globals& globals, Access access);

}  // namespace dolium::cli
