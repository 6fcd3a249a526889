#pragma once
// Deaths: the ends of processes that a daemon will start, in a file of which each process takes its line: "point nth"
// (points.h, spill_points.h). The file's name is in an environment variable, for as long as this exists.

#include <cstdlib>
#include <fstream>
#include <span>
#include <sstream>
#include <string>

#include "tests/e2e/campaign.h"
#include "tests/e2e/daemon_fixture.h"

namespace dolium::e2e {

class Deaths {
 public:
  /// So many of these points in turn, each at one of its first `most` times.
  Deaths(const char* variable, std::span<const std::string_view> points, Dice& dice, int count, std::size_t most)
      : Deaths(variable, random_points(points, dice, count, most)) {}
  Deaths(const char* variable, const std::string& lines)
      : variable_(variable), file_((directory_.path() / "deaths").string()) {
    std::ofstream out(file_);
    out << lines << "nowhere 1\n";  // the last one lives
    out.close();
    ::setenv(variable_, file_.c_str(), 1);
  }
  Deaths(const Deaths&) = delete;
  Deaths& operator=(const Deaths&) = delete;
  ~Deaths() { ::unsetenv(variable_); }

  /// Processes that have not started yet.
  [[nodiscard]] int left() const {
    std::ifstream in(file_);
    int lines = 0;
    for (std::string line; std::getline(in, line);) lines += line.empty() ? 0 : 1;
    return lines;
  }
  [[nodiscard]] std::string next() const {
    std::string line;
    std::getline(std::ifstream(file_) >> std::ws, line);
    return line;
  }

 private:
  [[nodiscard]] static std::string random_points(std::span<const std::string_view> points, Dice& dice, int count,
                                                 std::size_t most) {
    std::ostringstream lines;
    for (int n = 0; n < count; ++n)
      lines << points[static_cast<std::size_t>(n) % points.size()] << ' ' << 1 + dice.below(most) << '\n';
    return lines.str();
  }

  const char* variable_;
  TemporaryDirectory directory_;
  std::string file_;
};

}  // namespace dolium::e2e
