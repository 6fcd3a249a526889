#pragma once
// Finding: a result of `dolium doctor` about one topic: what was found, what it means, what to do. This file formats
// findings; the files *_findings.cc create them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/json_text.h"

namespace dolium::cli {

struct Finding {
  enum class Level : std::uint8_t {
    fine,
    note,     ///< worth knowing, and perhaps changing
    problem,  ///< something does not work, or will stop working
  };

  std::string section;  ///< host, socket, daemon, store, spill tier, clients
  std::string topic;    ///< unique within its section
  Level level = Level::fine;
  std::string found;
  std::string meaning = {};  ///< empty only for `fine`
  std::string remedy = {};   ///< empty for `fine`, and for notes about facts that cannot be changed
};
using Findings = std::vector<Finding>;

/// Makes the findings of one section: `constexpr Section kHost{"host"}; kHost("memory", Level::fine, ...)`.
struct Section {
  const char* name;
  Finding operator()(std::string topic, Finding::Level level, std::string found, std::string meaning = {},
                     std::string remedy = {}) const {
    return {name, std::move(topic), level, std::move(found), std::move(meaning), std::move(remedy)};
  }
};

[[nodiscard]] std::size_t count_of(std::span<const Finding> findings, Finding::Level level);
/// Section by section, in the given order. All text is escaped to be printable.
[[nodiscard]] std::string text(std::span<const Finding> findings);
[[nodiscard]] Json to_json(std::span<const Finding> findings);

}  // namespace dolium::cli
