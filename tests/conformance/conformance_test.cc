// The conformance suite in C++: README.md describes the file.

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "tests/conformance/scenario.h"
#include "tests/e2e/daemon_fixture.h"

namespace dolium::conformance {
namespace {

struct Line {
  int number;
  Json json;
};

std::vector<Line> read_lines() {
  std::ifstream file(DOLIUM_SOURCE_DIR "/tests/conformance/conformance.jsonl");
  std::vector<Line> lines;
  for (std::string text; std::getline(file, text);)
    lines.push_back({static_cast<int>(lines.size()) + 1, Json::parse(text)});
  return lines;
}

StoreConfig config_of(const Json& head) {
  StoreConfig config;
  config.capacity = head.value("capacity", std::uint64_t{16} << 20);
  config.max_objects = head.value("max_objects", 0U);
  config.max_pinned_bytes_per_user = head.value("max_pinned_bytes_per_user", std::uint64_t{0});
  const auto policy = std::ranges::find(kEvictionPolicyNames, head.value("eviction_policy", std::string("lru")));
  config.eviction_policy = static_cast<EvictionPolicy>(policy - kEvictionPolicyNames.begin());
  config.prefault = false;
  return config;
}

bool has_kind(const Json& head, const std::string& kind) {
  const auto kinds = head.value("stores", std::vector<std::string>{"process", "daemon"});
  return std::ranges::find(kinds, kind) != kinds.end();
}

/// Calls run(head, scenario's lines) for each scenario that names this kind of store.
template <class Run>
void for_each_scenario(const std::string& kind, Run run) {
  const std::vector<Line> lines = read_lines();
  int count = 0;
  for (auto begin = lines.begin(); begin != lines.end();) {
    auto end = begin + 1;
    while (end != lines.end() && !end->json.contains("scenario")) ++end;
    if (has_kind(begin->json, kind)) {
      INFO("scenario: " << begin->json.at("scenario"));
      run(begin->json, std::vector<Line>(begin + 1, end));
      ++count;
    }
    begin = end;
  }
  REQUIRE(count >= 40);
}

/// A doliumd for a scenario; `disk` is for its spill tier, if it has one.
e2e::Daemon daemon_of(const Json& head, const test::TemporaryDirectory& disk) {
  if (!head.value("spill", false)) return e2e::Daemon(config_of(head));
  return e2e::Daemon({"--capacity", "16MiB", "--prefault=false", "--spill-directory", disk.path()});
}

void run_steps(Scenario scenario, const std::vector<Line>& steps) {
  for (const Line& step : steps) {
    INFO("line " << step.number << ": " << step.json);
    scenario.run(step.json);
  }
}

}  // namespace

TEST_CASE("in C++ in process") {
  for_each_scenario("process", [](const Json& head, const std::vector<Line>& steps) {
    run_steps(Scenario(InProcessStore::open(config_of(head)).value(), {}), steps);
  });
}

TEST_CASE("in C++ with a daemon") {
  for_each_scenario("daemon", [](const Json& head, const std::vector<Line>& steps) {
    const test::TemporaryDirectory disk;
    e2e::Daemon daemon = daemon_of(head, disk);
    run_steps(Scenario(daemon.release_watcher(), daemon.socket()), steps);
  });
}

}  // namespace dolium::conformance
