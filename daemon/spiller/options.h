#pragma once
// The command line of doliumd-spill. The keeper writes it; an operator uses --adopt only.

#include <cstdint>
#include <string>

#include <dolium/result.h>

#include "daemon/config/config.h"
#include "daemon/spill/raw_io.h"
#include "messages_generated.h"

namespace dolium::spill {

enum class Action : std::uint8_t { serve, adopt, print };

struct Options {
  Action action = Action::serve;
  std::string socket;
  std::string directory;
  std::uint64_t capacity = 0;  ///< bytes of blocks; UINT64_MAX: no limit
  IoChoice io = IoChoice::automatic;
  protocol::TierToken token{};
  std::string log_file = {};  ///< empty: standard error
  daemon::LogLevel log_level = daemon::LogLevel::info;
  std::string text;  ///< what to print
};

/// invalid_argument for a usage error.
[[nodiscard]] Result<Options> parse_options(int argc, char** argv);

}  // namespace dolium::spill
