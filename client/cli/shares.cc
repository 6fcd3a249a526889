#include "client/cli/shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace dolium::cli {
namespace {

std::uint64_t less(std::uint64_t from, std::uint64_t what) noexcept {
  return from > what ? from - what : 0;
}

}  // namespace

Shares shares_of(const StoreStats& stats) noexcept {
  Shares shares;
  shares.pinned = stats.pinned_bytes;
  shares.graced = stats.graced_bytes;
  shares.writing = stats.unsealed_bytes;
  shares.retired = stats.retired_bytes;
  shares.quarantined = stats.quarantined_bytes;
  shares.evictable = stats.evictable_bytes;
  shares.free = stats.free_bytes;
  const std::uint64_t rest = less(stats.used_bytes, shares.pinned + shares.graced + shares.writing + shares.retired +
                                                        shares.quarantined + shares.evictable);
  // Of dirty objects, some may be in use.
  shares.dirty = std::min(stats.dirty_bytes, less(rest, stats.in_use_bytes));
  shares.in_use = rest - shares.dirty;
  return shares;
}

std::string bar(const Shares& shares, std::size_t width) {
  const std::array<std::pair<char, std::uint64_t>, 9> parts = {{{'#', shares.in_use},
                                                                {'P', shares.pinned},
                                                                {'g', shares.graced},
                                                                {'w', shares.writing},
                                                                {'x', shares.retired},
                                                                {'q', shares.quarantined},
                                                                {'d', shares.dirty},
                                                                {'=', shares.evictable},
                                                                {'.', shares.free}}};
  std::uint64_t total = 0;
  for (const auto& [sign, bytes] : parts) total += bytes;
  std::string out;
  std::uint64_t begin = 0;
  for (const auto& [sign, bytes] : parts) {
    const std::uint64_t end = begin + bytes;
    const auto to = static_cast<std::size_t>(
        static_cast<double>(end) / static_cast<double>(std::max<std::uint64_t>(total, 1)) * static_cast<double>(width));
    const std::size_t wanted = std::max<std::size_t>(to > out.size() ? to - out.size() : 0, bytes != 0 ? 1 : 0);
    out.append(wanted, sign);
    begin = end;
  }
  // Each small share took a whole character, so there may be too many: cut the last ones.
  out.resize(width, out.empty() ? '.' : out.back());
  return "[" + out + "]";
}

std::string fullness(const StoreStats& stats) {
  if (stats.used_bytes == 0) return "0 %";
  if (stats.free_bytes == 0) return "100 %";
  const auto percent = static_cast<double>(stats.used_bytes) * 100 / static_cast<double>(stats.capacity);
  return percent < 1 ? "<1 %" : fmt::format("{} %", std::min(99L, std::lround(percent)));
}

std::string hit_ratio(std::uint64_t hits, std::uint64_t gets) {
  if (gets == 0) return "-";
  return fmt::format("{:.1f} %", static_cast<double>(hits) * 100 / static_cast<double>(gets));
}

}  // namespace dolium::cli
