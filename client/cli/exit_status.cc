#include "client/cli/exit_status.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace dolium::cli {

ExitStatus exit_status_of(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return ExitStatus::usage;
    case Errc::not_found: return ExitStatus::not_found;
    case Errc::timed_out: return ExitStatus::timed_out;
    case Errc::disconnected: return ExitStatus::no_daemon;
    case Errc::out_of_memory:
    case Errc::too_large: return ExitStatus::no_room;
    case Errc::permission_denied: return ExitStatus::not_permitted;
    case Errc::already_exists:
    case Errc::not_sealed:
    case Errc::already_sealed:
    case Errc::type_mismatch:
    case Errc::protocol_error:
    case Errc::system_error:
    case Errc::tier_unavailable: return ExitStatus::failed;
  }
  return ExitStatus::failed;
}

std::string exit_status_help() {
  constexpr std::array kMeanings = {
      std::pair{ExitStatus::done, "done"},
      std::pair{ExitStatus::failed, "any other failure"},
      std::pair{ExitStatus::usage, "usage: the command line is invalid"},
      std::pair{ExitStatus::not_found, "object not found"},
      std::pair{ExitStatus::timed_out, "timed out"},
      std::pair{ExitStatus::no_daemon, "no daemon, or the connection was lost"},
      std::pair{ExitStatus::no_room, "no room in the store"},
      std::pair{ExitStatus::not_permitted, "not permitted"},
      std::pair{ExitStatus::problems_found, "doctor, spill verify: problems were found"},
  };
  std::string out = "Exit status:\n";
  for (const auto& [status, meaning] : kMeanings) out += fmt::format("  {}  {}\n", static_cast<int>(status), meaning);
  return out;
}

Json to_json(const Error& error, ExitStatus status) {
  return {{"error",
           {{"code", to_string(error.code)}, {"message", error.message}, {"exit_status", static_cast<int>(status)}}}};
}

void print_message(std::string_view text) noexcept {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
}

}  // namespace dolium::cli
