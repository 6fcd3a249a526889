#pragma once
// ShortHost: a machine with little memory left, according to its /proc.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "shm/os/host_memory.h"

namespace dolium::shm::test {

class ShortHost {
 public:
  /// In kB, as the kernel writes it.
  explicit ShortHost(const char* available) {
    std::string name = (std::filesystem::temp_directory_path() / "dolium-host-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    query_.root = name;
    std::filesystem::create_directories(query_.root / "proc/self");
    add("proc/meminfo", std::string("MemTotal: 8000000 kB\nMemAvailable: ") + available + " kB\nSwapFree: 16 kB\n");
  }
  ShortHost(const ShortHost&) = delete;
  ShortHost& operator=(const ShortHost&) = delete;
  ~ShortHost() { std::filesystem::remove_all(query_.root); }

  void add(const std::filesystem::path& file, const std::string& text) const {
    std::filesystem::create_directories((query_.root / file).parent_path());
    std::ofstream(query_.root / file) << text;
  }
  [[nodiscard]] const HostQuery& query() const { return query_; }

 private:
  HostQuery query_;
};

}  // namespace dolium::shm::test
