#pragma once
// What /proc/self/smaps tells of one mapping.

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

namespace dolium::test {

/// Whether a mapping of this process contains the address, and how many bytes of it are this process's own: pages that
/// were copied when they were written.
struct MappedAt {
  bool found = false;
  std::uint64_t own_bytes = 0;
};
[[nodiscard]] inline MappedAt mapped_at(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  MappedAt out;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0;
    char mark = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx%c", &begin, &end, &mark) == 3 && mark == ' ')
      out.found |= inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("Anonymous:")) out.own_bytes = std::stoull(line.substr(line.find(':') + 1)) * 1024;
  }
  return out;
}

[[nodiscard]] inline std::uint64_t own_bytes_at(const void* address) {
  return mapped_at(address).own_bytes;
}
[[nodiscard]] inline bool is_listed_in_maps(const void* address) {
  return mapped_at(address).found;
}

}  // namespace dolium::test
