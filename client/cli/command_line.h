#pragma once
// CommandLine: which verb was asked for, and what becomes of its outcome. A verb is a function that returns a
// Result: success is exit status 0, an error its message on stderr and exit status 1. Nothing else ends the
// program, so nothing that a verb holds is left behind.

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include <dolium/client.h>

namespace dolium::cli {

/// What every verb is told.
struct Globals {
  std::string socket = default_socket_path();
  bool json = false;
};

class CommandLine {
 public:
  using Verb = std::function<Result<void>(const Globals&)>;

  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// A new verb, to which the caller adds its options. `run` is called when it was asked for and all parsed.
  CLI::App& add(const std::string& name, const std::string& about, Verb run);

  /// The program's exit status.
  [[nodiscard]] int run(int argc, const char* const* argv);

 private:
  [[nodiscard]] int finish(const Result<void>& outcome) const;

  CLI::App app_;
  Globals globals_;
  Verb chosen_;
};

/// Connects, without waiting for a daemon that is not there: a person would rather know. Verbs that only look ask
/// for reading only, so that who may not write may still look.
[[nodiscard]] Result<std::shared_ptr<Client>> connect(const Globals& globals, Access access);

}  // namespace dolium::cli
