#pragma once
// Looking at the doctor's findings, and reports of a daemon for them.

#include <catch2/catch.hpp>
#include <string_view>

#include "client/cli/finding.h"
#include "tests/cli/report.h"

namespace dolium::cli {

/// The finding on a topic; fails the test when there is none, or when it does not explain itself.
[[nodiscard]] inline Finding on(const Findings& findings, std::string_view topic) {
  for (const Finding& each : findings) {
    if (each.topic != topic) continue;
    CHECK_FALSE(each.found.empty());
    CHECK(each.meaning.empty() == (each.level == Finding::Level::fine));
    if (each.level == Finding::Level::problem) CHECK_FALSE(each.remedy.empty());
    return each;
  }
  FAIL("nothing was said of " << topic);
  return {};
}

[[nodiscard]] inline StatsReport healthy() {
  StatsReport report = half_full();
  report.stats.server_pid = 7;
  report.stats.server_version = "1.2.3";
  return report;
}

/// A store with one client, of pid 42.
[[nodiscard]] inline StatsReport with(const ClientInfo& client) {
  StatsReport report = healthy();
  report.clients = {client};
  report.clients.front().pid = 42;
  report.clients.front().command = "trainer";
  return report;
}

}  // namespace dolium::cli
