#include "client/cli/finding.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/printable.h"

namespace dolium::cli {
namespace {

const char* sign(Finding::Level level) {
  switch (level) {
    case Finding::Level::fine: return "ok";
    case Finding::Level::note: return "note";
    case Finding::Level::problem: return "PROBLEM";
  }
  return "?";
}

const char* name(Finding::Level level) {
  switch (level) {
    case Finding::Level::fine: return "fine";
    case Finding::Level::note: return "note";
    case Finding::Level::problem: return "problem";
  }
  return "?";
}

}  // namespace

std::size_t count_of(std::span<const Finding> findings, Finding::Level level) {
  return static_cast<std::size_t>(std::ranges::count(findings, level, &Finding::level));
}

std::string text(std::span<const Finding> findings) {
  constexpr const char* kIndent = "          ";
  std::string out;
  std::string section;
  for (const Finding& finding : findings) {
    if (finding.section != section) out += fmt::format("{}{}\n", out.empty() ? "" : "\n", finding.section);
    section = finding.section;
    out += fmt::format("  {:<8}{}: {}\n", sign(finding.level), printable(finding.topic), printable(finding.found));
    if (!finding.meaning.empty()) out += fmt::format("{}{}\n", kIndent, printable(finding.meaning));
    if (!finding.remedy.empty()) out += fmt::format("{}What to do: {}\n", kIndent, printable(finding.remedy));
  }
  return out;
}

Json to_json(std::span<const Finding> findings) {
  Json array = Json::array();
  for (const Finding& each : findings)
    array.push_back({{"section", each.section},
                     {"topic", each.topic},
                     {"level", name(each.level)},
                     {"found", each.found},
                     {"meaning", each.meaning},
                     {"remedy", each.remedy}});
  return array;
}

}  // namespace dolium::cli
