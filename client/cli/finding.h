#pragma once
// Finding: what `dolium doctor` has to say of one thing: what was found, what it means, and what to do about it.
// Pure: who examines makes findings, and this file writes them down.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "client/cli/json_text.h"

namespace dolium::cli {

struct Finding {
  enum class Level : std::uint8_t {
    fine,
    note,     ///< worth knowing, perhaps worth changing
    problem,  ///< something does not work, or will not for long
  };

  std::string section;  ///< host, socket, daemon, store, clients
  std::string topic;    ///< unique within its section
  Level level = Level::fine;
  std::string found;
  std::string meaning = {};  ///< never empty but for what is fine
  std::string remedy = {};   ///< likewise, but for notes of what cannot be changed
};
using Findings = std::vector<Finding>;

[[nodiscard]] std::size_t count_of(std::span<const Finding> findings, Finding::Level level);
/// Section by section, in the order given. All text is made printable.
[[nodiscard]] std::string text(std::span<const Finding> findings);
[[nodiscard]] Json to_json(std::span<const Finding> findings);

}  // namespace dolium::cli
