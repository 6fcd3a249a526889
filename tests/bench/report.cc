// Report of harness.h. In a file of its own: CLI11 and JSON take longer to compile than all else of the tools.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/bench/harness.h"

namespace dolium::bench {

Report::Report(int argc, char** argv, std::string_view title, std::span<const Option> more) : title_(title) {
  CLI::App app(title_);
  app.add_option("--rows", rows_path_, "append the figures to this file, a JSON object a line");
  app.add_flag("--quick", quick_, "fewer rounds");
  app.add_flag("--long", long_, "more rounds");
  app.add_flag("--smoke", smoke_, "one round of the least: only to see that it works");
  for (const Option& option : more) app.add_option(option.name, *option.value, option.meaning);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("\n%s\n", title_.c_str());
}

void Report::add(const Figure& figure) {
  std::printf("  %-50s %1s %11.4g %-5s", figure.name.c_str(), figure.cores.c_str(), figure.value, figure.unit.c_str());
  if (!figure.beside.empty()) std::printf(" | %-22s %9.4g", figure.beside.c_str(), figure.beside_value);
  if (figure.ratio) std::printf(" | x %.3g", *figure.ratio);
  if (!figure.goal.empty()) std::printf(" | goal %s", figure.goal.c_str());
  std::printf("\n");
  record(figure);
}

void Report::record(const Figure& figure) {
  if (rows_path_.empty()) return;
  nlohmann::json row{{"part", title_}, {"figure", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
  if (!figure.cores.empty()) row["cores"] = figure.cores;
  if (!figure.beside.empty()) row["beside"] = {{"what", figure.beside}, {"value", figure.beside_value}};
  if (figure.ratio) row["ratio"] = *figure.ratio;
  if (!figure.goal.empty()) row["goal"] = figure.goal;
  std::ofstream(rows_path_, std::ios::app) << row.dump() << '\n';
}

void Report::add(const Series& series) {
  if (rows_path_.empty()) return;
  const nlohmann::json row{{"plot", series.plot}, {"series", series.name}, {"points", series.points}};
  std::ofstream(rows_path_, std::ios::app) << row.dump() << '\n';
}

Report::~Report() {
  const Contest::Rounds rounds = Contest::rounds_of_all();
  if (rounds.in_vain != 0)
    note(std::to_string(rounds.in_vain) + " of " + std::to_string(rounds.run) +
         " rounds were run in vain: this machine's host took a part of their time");
}

void Report::note(std::string_view text) {
  std::printf("  (%.*s)\n", static_cast<int>(text.size()), text.data());
  if (rows_path_.empty()) return;
  std::ofstream(rows_path_, std::ios::app) << nlohmann::json{{"part", title_}, {"note", text}}.dump() << '\n';
}

}  // namespace dolium::bench
