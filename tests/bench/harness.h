#pragma once
// Tools for benchmarks: samples and their percentiles, contests that run in alternation, and the output of figures.
//
// Machines are noisy and drift, so no figure is meaningful alone. Programs that are compared run in a Contest, in
// alternating slices (A B C A B C ...). A ratio is the median of the ratios of neighbouring slices, not the ratio of
// two medians. A virtual machine does not always get its processors ("steal" in /proc/stat): a round from which the
// host took time is invalid, and is repeated.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dolium/object_id.h>
#include <dolium/result.h>

namespace dolium::bench {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

/// CLOCK_MONOTONIC in nanoseconds: one clock for all processes of the host.
[[nodiscard]] std::int64_t now_ns() noexcept;

/// Ends the program with the message: in a benchmark nothing that fails is an outcome.
[[noreturn]] void give_up(std::string_view message);
void require(bool condition, std::string_view message);
template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Durations in nanoseconds, or whatever else is counted.
class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  void add_all(const Samples& other) { values_.insert(values_.end(), other.values_.begin(), other.values_.end()); }
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  [[nodiscard]] const std::vector<double>& values() const noexcept { return values_; }
  /// The value below which this share of the samples lies; share in [0, 1]. Precondition: !empty().
  [[nodiscard]] double percentile(double share) const;
  [[nodiscard]] double median() const { return percentile(0.5); }
  [[nodiscard]] double mean() const;
  [[nodiscard]] double least() const { return percentile(0); }
  [[nodiscard]] double most() const { return percentile(1); }

 private:
  std::vector<double> values_;
};

/// Times one call.
template <class Call>
double time_ns(Call&& call) {
  const std::int64_t begin = now_ns();
  call();
  return static_cast<double>(now_ns() - begin);
}

/// Contenders that do the same work in turn.
class Contest {
 public:
  using Slice = std::function<void(Samples&)>;

  /// A slice takes some milliseconds, and adds one sample for each operation.
  void add(const std::string& name, Slice slice);
  /// One warm-up round that does not count, then `rounds`, which do. A round of which the host took a part does not, as
  /// long as no more than kMostInVain times as many were run in vain. `on_round` is called after each that counts.
  void run(int rounds, const std::function<void()>& on_round = {});
  static constexpr int kMostInVain = 3;
  struct Rounds {
    int run = 0;
    int in_vain = 0;
  };
  /// Of all contests of this program.
  [[nodiscard]] static Rounds rounds_of_all();
  /// All samples of one contender.
  [[nodiscard]] const Samples& of(const std::string& name) const { return find(name).all; }
  /// How many times as long `name` takes as `reference`: the median over the rounds.
  [[nodiscard]] double ratio(const std::string& name, const std::string& reference) const;

 private:
  struct Contender {
    std::string name;
    Slice slice;
    Samples all = {};
    std::vector<double> medians = {};  // of each round
  };
  [[nodiscard]] const Contender& find(const std::string& name) const;

  std::vector<Contender> contenders_;
};

/// Ids that any process can make again: the same number, the same id.
[[nodiscard]] ObjectId numbered_id(std::uint64_t number, std::uint64_t seed = 0);
/// A bijection of 64-bit numbers that looks random (splitmix64's finaliser).
[[nodiscard]] std::uint64_t scramble(std::uint64_t number) noexcept;
/// 2^uniform between the two: every order of magnitude as often.
[[nodiscard]] std::uint64_t log_uniform(std::uint64_t number, std::uint64_t least, std::uint64_t most) noexcept;

/// One line of the table.
struct Figure {
  std::string name;
  std::string cores;  ///< "2", "1", or empty where it does not matter
  double value = 0;
  std::string unit;
  std::string beside = {};  ///< what ran in alternation with it
  double beside_value = 0;  ///< in the same unit
  std::optional<double> ratio = {};
  std::string goal = {};  ///< of DESIGN.md and the issues
};

/// A line of one of the plots that scripts/bench --plots draws (tests/bench/plot knows them by name).
struct Series {
  std::string plot;  ///< latency, sizes, clients, utilisation, replay, replay_sizes, replay_libcachesim
  std::string name;  ///< for the legend
  std::vector<std::pair<double, double>> points = {};
};

/// What a program of this suite was asked for, and where its figures go: a line each on standard output, and in
/// JSON, one object a line, to the file named by --rows.
class Report {
 public:
  /// An option that one program alone has.
  struct Option {
    const char* name;
    const char* meaning;
    std::string* value;
  };

  /// Parses the command line; ends the program on --help and on nonsense.
  Report(int argc, char** argv, std::string_view title, std::span<const Option> more = {});
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  /// Says how many rounds of all contests were run in vain, if any.
  ~Report();

  [[nodiscard]] bool quick() const noexcept { return quick_ || smoke_; }
  /// Only to see that the program works: one round of the least of everything; the figures mean nothing.
  [[nodiscard]] bool smoke() const noexcept { return smoke_; }
  /// `full`, or `quick` with --quick, or more with --long, or 1 with --smoke.
  [[nodiscard]] int rounds(int full, int quick) const noexcept {
    constexpr int kLongFactor = 5;
    return smoke_ ? 1 : quick_ ? quick : long_ ? kLongFactor * full : full;
  }
  void add(const Figure& figure);
  /// Only to the file named by --rows: for a program that prints a table of its own.
  void record(const Figure& figure);
  void add(const Series& series);
  /// A remark: what could not be measured and why, or how to read the figures above.
  void note(std::string_view text);

 private:
  std::string title_;
  std::string rows_path_;
  bool quick_ = false;
  bool smoke_ = false;
  bool long_ = false;
};

}  // namespace dolium::bench
