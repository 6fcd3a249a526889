#pragma once
// ShortHost: a machine with little memory left, according to its /proc.

#include <filesystem>
#include <string>

#include "shm/os/host_memory.h"
#include "tests/temporary_directory.h"

namespace dolium::shm::test {

class ShortHost {
 public:
  /// In kB, as the kernel writes it.
  explicit ShortHost(const char* available) {
    std::filesystem::create_directories(query_.root / "proc/self");
    add("proc/meminfo", std::string("MemTotal: 8000000 kB\nMemAvailable: ") + available + " kB\nSwapFree: 16 kB\n");
  }

  void add(const std::string& file, const std::string& text) const { directory_.write(file, text); }
  [[nodiscard]] const HostQuery& query() const { return query_; }

 private:
  dolium::test::TemporaryDirectory directory_;
  HostQuery query_{.root = directory_.path()};
};

}  // namespace dolium::shm::test
