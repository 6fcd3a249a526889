#pragma once
// This machine, as a spill directory remembers it.

#include "daemon/spill/home.h"

namespace dolium::spill {

/// The id in /etc/machine-id, if there is one, and the host name.
[[nodiscard]] Machine this_machine();

}  // namespace dolium::spill
