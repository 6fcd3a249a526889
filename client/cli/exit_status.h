#pragma once
// ExitStatus: how the command ends, for scripts. The same for every verb; client/cli/README.md and `dolium --help` list them.
//
// The status of a failure follows from its Errc alone, so that a script that reads the JSON and a script that reads the
// status decide alike. Outcome is what a verb hands back: most verbs return a Result<void>, which becomes one.

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
  failed = 1,  ///< any failure that has no status of its own
  usage = 2,
  not_found = 3,
  timed_out = 4,
  no_daemon = 5,  ///< none could be connected to, or the connection was lost
  no_room = 6,
  not_permitted = 7,
  problems_found = 8,  ///< the doctor's alone
};

[[nodiscard]] ExitStatus exit_status_of(Errc code) noexcept;

/// One line a status, for --help.
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
  /// With --json, what was printed has the failure in it already: an error object behind it would be a second document.
  bool is_told_in_json = false;
};

/// Prints to standard error. Where that cannot be written, nothing happens: the exit status tells the outcome.
void print_message(std::string_view text) noexcept;

/// What --json prints of a failure: {"error": {"code": "not_found", "message": "...", "exit_status": 3}}
[[nodiscard]] Json to_json(const Error& error, ExitStatus status);

}  // namespace dolium::cli
