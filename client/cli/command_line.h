#pragma once
// CommandLine: which verb was asked for, and what becomes of its outcome. A verb is a function that returns an Outcome,
// mostly a Result: success is exit status 0; a failure is its message on standard error, with --json an error object on
// standard output too, and the exit status of its kind (exit_status.h). Nothing else ends the program, so nothing that
// a verb holds is left behind.

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

/// The options of one verb: a face of CLI11's that keeps its header out of every verb's file. A name is "id" (found
/// by its position), "--ttl" or "-o,--output"; `what` is the placeholder that help shows. Targets must outlive the
/// parsing, and hold the default. What is given must make sense: an empty text, a number or a time out of range is an
/// error that names the option, and never its absence.
class VerbOptions {
 public:
  explicit VerbOptions(CLI::App& app) noexcept : app_(&app) {}

  VerbOptions& text(const char* name, std::string& target, const char* what, const char* about);
  VerbOptions& required(const char* name, std::string& target, const char* what, const char* about);
  VerbOptions& required(const char* name, std::vector<std::string>& target, const char* what, const char* about);
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

/// What every verb is told.
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

  /// A new verb, to which the caller adds its options. `run` is called when it was asked for and all parsed.
  VerbOptions add(const std::string& name, const std::string& about, Verb run);

  /// The program's exit status.
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

/// Connects, without waiting for a daemon that is not there: a person would rather know. Verbs that only look ask
/// for reading only, so that a user who may not write may still look. A failure is permission_denied, or disconnected
/// whatever the reason: no answer, another protocol or no such path all mean that there is no daemon to work with.
[[nodiscard]] Result<std::shared_ptr<Client>> connect(const Globals& globals, Access access);
/// The same, with the failure as the library tells it: for the doctor.
[[nodiscard]] Result<std::shared_ptr<Client>> try_to_connect(const Globals& globals, Access access);

}  // namespace dolium::cli
