#include "shm/types/obstacles_text.h"

#include <fmt/format.h>

#include <string_view>

#include "shm/text/size_text.h"

namespace dolium {

std::string obstacles_text(const Obstacles& obstacles) {
  std::string out;
  const auto add = [&out](std::uint64_t bytes, std::string_view what) {
    if (bytes != 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", format_size(bytes), what);
  };
  add(obstacles.held_bytes, "in use by clients");
  add(obstacles.writing_bytes, "being written");
  add(obstacles.leased_bytes, "in leases that clients do not give back");
  add(obstacles.abandoned_bytes, "left by writers that have ended, or by an earlier server");
  add(obstacles.pinned_bytes, "pinned and cannot be moved");
  add(obstacles.graced_bytes, "kept for readers by a grace and cannot be moved");
  return out;
}

}  // namespace dolium
