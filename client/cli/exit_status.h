#pragma once
// ExitStatus: the exit status of the command, for scripts. The same for every verb; client/cli/README.md and `dolium
// --help` list them.
//
// The status of a failure depends on its Errc alone, so a script that reads the JSON and one that reads the status come
// to the same decision. Outcome is the result of a verb: most verbs return a Result<void>, which converts to it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <dolium/result.h>

#include "client/cli/json_text.h"

namespace dolium::cli {

enum class ExitStatus : std::uint8_t {
  done = 0,
  failed = 1,  ///< any failure without its own status
  usage = 2,
  not_found = 3,
  timed_out = 4,
  no_daemon = 5,  ///< no connection to a daemon, or it was lost
  no_room = 6,
  not_permitted = 7,
  problems_found = 8,  ///< only from doctor and spill verify
};

[[nodiscard]] ExitStatus exit_status_of(Errc code) noexcept;

/// One line for each status, for --help.
[[nodiscard]] std::string exit_status_help();

struct Outcome {
  // NOLINTBEGIN(google-explicit-constructor): what verbs return
  Outcome(Error why) : status(exit_status_of(why.code)), error(std::move(why)) {}
  Outcome(const Result<void>& done) : Outcome(done ? Outcome() : Outcome(done.error())) {}
  // NOLINTEND(google-explicit-constructor)
  Outcome() = default;
  Outcome(ExitStatus how, Error why, bool told) : status(how), error(std::move(why)), is_told_in_json(told) {}

  ExitStatus status = ExitStatus::done;
  std::optional<Error> error;
  /// With --json: the printed document contains the failure already, so no error object must follow it.
  bool is_told_in_json = false;
};

/// Prints to standard error. Ignores failures: the exit status tells the outcome.
void print_message(std::string_view text) noexcept;

/// The error object that --json prints: {"error": {"code": "not_found", "message": "...", "exit_status": 3}}
[[nodiscard]] Json to_json(const Error& error, ExitStatus status);

}  // namespace dolium::cli
