#include "tests/bench/harness.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>

namespace dolium::bench {

std::int64_t now_ns() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

void give_up(std::string_view message) {
  std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(message.size()), message.data());
  std::exit(EXIT_FAILURE);
}

void require(bool condition, std::string_view message) {
  if (!condition) give_up(message);
}

// ---- samples ----

double Samples::percentile(double share) const {
  require(!values_.empty(), "a percentile of nothing");
  std::vector<double> values = values_;
  const auto rank = std::lround(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

double Samples::mean() const {
  require(!values_.empty(), "a mean of nothing");
  return std::accumulate(values_.begin(), values_.end(), 0.0) / static_cast<double>(values_.size());
}

// ---- contests ----

namespace {

int rounds_run = 0;  // of all contests of this program
int rounds_in_vain = 0;

/// Time that the host gave to others while we had work to do, in all (proc_stat(5)).
std::uint64_t stolen_ticks() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, io_wait = 0, irq = 0, soft_irq = 0, steal = 0;
  file >> cpu >> user >> nice >> system >> idle >> io_wait >> irq >> soft_irq >> steal;
  return steal;
}

}  // namespace

void Contest::add(const std::string& name, Slice slice) {
  contenders_.push_back({name, std::move(slice)});
}

void Contest::run(int rounds, const std::function<void()>& on_round) {
  int in_vain = 0;
  for (int round = -1; round < rounds;) {
    std::vector<Samples> samples(contenders_.size());
    const std::uint64_t stolen = stolen_ticks();
    for (std::size_t i = 0; i < contenders_.size(); ++i) contenders_[i].slice(samples[i]);
    if (round >= 0 && stolen_ticks() != stolen && in_vain < kMostInVain * rounds) {
      ++in_vain;
      continue;
    }
    if (round++ < 0) continue;
    for (std::size_t i = 0; i < contenders_.size(); ++i) {
      contenders_[i].medians.push_back(samples[i].median());
      contenders_[i].all.add_all(samples[i]);
    }
    if (on_round) on_round();
  }
  rounds_run += rounds + in_vain;
  rounds_in_vain += in_vain;
}

double Contest::ratio(const std::string& name, const std::string& reference) const {
  const std::vector<double>& mine = find(name).medians;
  const std::vector<double>& theirs = find(reference).medians;
  Samples ratios;
  for (std::size_t round = 0; round < mine.size(); ++round) ratios.add(mine[round] / theirs[round]);
  return ratios.median();
}

const Contest::Contender& Contest::find(const std::string& name) const {
  const auto found = std::ranges::find(contenders_, name, &Contender::name);
  require(found != contenders_.end(), "no such contender: " + name);
  return *found;
}

// ---- work ----

std::uint64_t scramble(std::uint64_t number) noexcept {
  std::uint64_t x = number + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

ObjectId numbered_id(std::uint64_t number, std::uint64_t seed) {
  const std::array<std::uint64_t, 3> words{scramble(number ^ scramble(seed)), number, seed};
  return *ObjectId::from_binary({reinterpret_cast<const char*>(words.data()), ObjectId::kSize});
}

std::uint64_t log_uniform(std::uint64_t number, std::uint64_t least, std::uint64_t most) noexcept {
  const double share = static_cast<double>(scramble(number) >> 11) * 0x1p-53;
  const double low = std::log2(static_cast<double>(least));
  const double high = std::log2(static_cast<double>(most));
  return static_cast<std::uint64_t>(std::exp2(low + share * (high - low)));
}

// ---- the report ----

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
  if (rounds_in_vain != 0)
    note(std::to_string(rounds_in_vain) + " of " + std::to_string(rounds_run) +
         " rounds were run in vain: this machine's host took a part of their time");
}

void Report::note(std::string_view text) {
  std::printf("  (%.*s)\n", static_cast<int>(text.size()), text.data());
  if (rows_path_.empty()) return;
  std::ofstream(rows_path_, std::ios::app) << nlohmann::json{{"part", title_}, {"note", text}}.dump() << '\n';
}

}  // namespace dolium::bench
