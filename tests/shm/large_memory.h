#pragma once
// How much of this process's shared memory is mapped in 2 MiB pages.

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace dolium::shm::test {

/// Kilobytes, of all mappings of segments of this name.
[[nodiscard]] inline std::uint64_t large_kib(std::string_view segment) {
  std::ifstream maps("/proc/self/smaps");
  std::uint64_t sum = 0;
  bool wanted = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:") != std::string::npos) wanted = line.find(segment) != std::string::npos;
    if (wanted && line.starts_with("ShmemPmdMapped:")) sum += std::stoull(line.substr(line.find(':') + 1));
  }
  return sum;
}

}  // namespace dolium::shm::test
