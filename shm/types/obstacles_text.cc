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
  add(obstacles.leased_bytes, "in leases of clients that do not give them back");
  add(obstacles.abandoned_bytes, "of writers that have ended, or of an earlier server");
  add(obstacles.pinned_bytes, "pinned and cannot be moved");
  return out;
}

}  // namespace dolium
