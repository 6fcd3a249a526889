#include "daemon/process/oom.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {
namespace {

constexpr const char* kFile = "/proc/self/oom_score_adj";
constexpr int kHighest = 1000;

// Both without the heap: one of them runs in a forked child.
int read_own() noexcept {
  const shm::UniqueFd file(::open(kFile, O_RDONLY | O_CLOEXEC));
  std::array<char, 16> text{};
  const ssize_t size = file.valid() ? ::read(file.get(), text.data(), text.size()) : 0;
  int score = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, score);
  return score;
}

/// Changes nothing if the system does not allow it.
void write_own(int score) noexcept {
  const shm::UniqueFd file(::open(kFile, O_WRONLY | O_CLOEXEC));
  std::array<char, 16> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), score).ptr;
  if (file.valid()) static_cast<void>(!::write(file.get(), text.data(), static_cast<std::size_t>(end - text.data())));
}

}  // namespace

OomScores OomScores::lower_own() noexcept {
  const int given = read_own();
  if (given > kKeeper) write_own(kKeeper);
  return OomScores(given);
}

void OomScores::set_servers() const noexcept {
  write_own(std::min(kHighest, given_ + kServerAbove));
}

}  // namespace dolium::daemon
