#include "tests/bench/libcachesim.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "tests/bench/trace_file.h"

namespace dolium::bench {
namespace {

std::string temporary_file() {
  std::string path = (std::filesystem::temp_directory_path() / "dolium-replay-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  require(fd >= 0, "cannot create a temporary file for libCacheSim's trace");
  ::close(fd);
  return path;
}

/// Quoted for a shell.
std::string shell_word(std::string_view text) {
  std::string result = "'";
  for (const char each : text) result += each == '\'' ? std::string("'\\''") : std::string(1, each);
  return result + "'";
}

}  // namespace

LibCacheSim::LibCacheSim(const std::string& python, const CacheTrace& trace,
                         const std::vector<std::uint64_t>& capacities)
    : path_(temporary_file()), output_(nullptr) {
  if (Result<void> written = write_oracle_general(trace, path_); !written) {
    std::filesystem::remove(path_);
    give_up(written.error().message);
  }
  std::string command =
      "exec " + shell_word(python) + " " + shell_word(DOLIUM_LIBCACHESIM_REPLAY) + " " + shell_word(path_);
  for (const std::uint64_t capacity : capacities) command += " " + std::to_string(capacity);
  output_ = ::popen(command.c_str(), "re");
  require(output_ != nullptr, "cannot start " + python);
}

LibCacheSim::~LibCacheSim() {
  if (output_ != nullptr) ::pclose(output_);
  std::filesystem::remove(path_);
}

PublishedHits LibCacheSim::wait() {
  std::stringstream text;
  std::array<char, 4096> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), output_))
    text.write(buffer.data(), static_cast<std::streamsize>(got));
  const int status = ::pclose(output_);
  output_ = nullptr;
  std::filesystem::remove(path_);
  require(status == 0, "libCacheSim's replay has failed: its messages are above");
  PublishedHits hits = must(parse_published_hits(text));
  require(!hits.empty(), "libCacheSim's replay has printed no hits");
  return hits;
}

Result<PublishedHits> parse_published_hits(std::istream& text) {
  PublishedHits hits;
  for (std::string line; std::getline(text, line);) {
    std::istringstream fields(line);
    std::string policy, rest;
    std::uint64_t capacity = 0;
    HitRatios ratios;
    if (!(fields >> policy >> capacity >> ratios.objects >> ratios.bytes) || (fields >> rest))
      return Error{Errc::invalid_argument, "libcachesim_replay printed '" + line + "'"};
    hits[policy][capacity] = ratios;
  }
  return hits;
}

}  // namespace dolium::bench
