#pragma once
// Obstacles in words, as error texts, `dolium stats` and the doctor tell of them.

#include <string>

#include <dolium/stats.h>

namespace dolium {

/// "4 MiB in use by clients, 1 MiB being written": each kind that there is. Empty when there is none.
[[nodiscard]] std::string obstacles_text(const Obstacles& obstacles);

}  // namespace dolium
