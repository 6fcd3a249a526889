#include "tests/bench/harness.h"

#include <algorithm>
#include <array>
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

Contest::Rounds all_rounds;  // of this program

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
  all_rounds.run += rounds + in_vain;
  all_rounds.in_vain += in_vain;
}

Contest::Rounds Contest::rounds_of_all() {
  return all_rounds;
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

}  // namespace dolium::bench
