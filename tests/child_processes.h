#pragma once
// The children of a process, and a process's name, as /proc shows them.

#include <sys/types.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace dolium::test {

/// Those of its first thread, in the order of their start. Dead ones are included until they are reaped.
[[nodiscard]] inline std::vector<pid_t> children_of(pid_t parent) {
  const std::string number = std::to_string(parent);
  std::ifstream file("/proc/" + number + "/task/" + number + "/children");
  return {std::istream_iterator<pid_t>(file), {}};
}

/// At most 15 characters. Empty when there is no such process.
[[nodiscard]] inline std::string process_name(pid_t pid) {
  std::string name;
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::getline(file, name);
  return name;
}

}  // namespace dolium::test
