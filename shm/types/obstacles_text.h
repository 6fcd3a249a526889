#pragma once
// Obstacles as text, for errors, `dolium stats` and the doctor.

#include <string>

#include <dolium/stats.h>

namespace dolium {

/// "4 MiB in use by clients, 1 MiB being written": each kind that is not zero. Empty if all are zero.
[[nodiscard]] std::string obstacles_text(const Obstacles& obstacles);

}  // namespace dolium
