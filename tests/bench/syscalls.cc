#include "tests/bench/syscalls.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/bench/process.h"

namespace dolium::bench {
namespace {

using Counts = std::map<std::string, double>;

/// strace's table: "% time  seconds  usecs/call  calls  [errors]  syscall", between two lines of dashes.
Counts parse_table(std::istream& table) {
  Counts counts;
  bool inside = false;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with("------")) {
      inside = !inside;
      continue;
    }
    if (!inside) continue;
    std::istringstream words(line);
    std::string share, seconds, each, calls, name;
    words >> share >> seconds >> each >> calls >> name;
    if (std::string last; words >> last) name = last;
    counts[name] += std::strtod(calls.c_str(), nullptr);
  }
  return counts;
}

std::optional<Counts> trace(std::vector<std::string> command, int operations) {
  std::string file = "/tmp/dolium-bench-strace-XXXXXX";
  const int fd = ::mkstemp(file.data());
  require(fd >= 0, "no temporary file");
  ::close(fd);
  command.insert(command.begin(), {"strace", "-f", "-c", "-o", file});
  command.push_back(std::to_string(operations));
  const int status = run_program(command, true);
  std::ifstream table(file);
  const Counts counts = parse_table(table);
  ::unlink(file.c_str());
  return status == 0 ? std::optional(counts) : std::nullopt;
}

}  // namespace

double SystemCalls::total() const {
  double sum = 0;
  for (const auto& [name, count] : per_operation) sum += count;
  return sum;
}

std::string SystemCalls::text() const {
  std::string text;
  for (const auto& [name, count] : per_operation) {
    char each[96];
    std::snprintf(each, sizeof each, "%s%s %.3g", text.empty() ? "" : ", ", name.c_str(), count);
    text += each;
  }
  return text.empty() ? "none" : text;
}

SystemCalls count_system_calls(const std::vector<std::string>& command, int few, int many) {
  if (run_program({"strace", "-c", "true"}, true) != 0)
    return {{}, "system calls are not counted: strace is missing, or may not trace here"};
  const std::optional<Counts> before = trace(command, few);
  const std::optional<Counts> after = trace(command, many);
  if (!before || !after) return {{}, "system calls are not counted: the program failed under strace"};
  SystemCalls calls;
  for (const auto& [name, count] : *after) {
    const auto base = before->find(name);
    const double more = (count - (base == before->end() ? 0 : base->second)) / (many - few);
    if (more > 0.001) calls.per_operation[name] = more;
  }
  return calls;
}

}  // namespace dolium::bench
