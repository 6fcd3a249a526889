#pragma once
// The spill tier as text and as JSON: for `stats`, `spill status` and `doctor`.

#include <string>

#include <dolium/metadata.h>
#include <dolium/stats.h>

#include "client/cli/json_text.h"

namespace dolium::cli {

/// "ready", or "full: the quota of 1 GiB is used". Not escaped.
[[nodiscard]] std::string state_text(const SpillTierStats& tier);
/// "1 GiB of 4 GiB", or "1 GiB, without a quota".
[[nodiscard]] std::string disk_use(const SpillTierStats& tier);
/// Several lines; each begins with `indent`. Empty if the store has no tier.
[[nodiscard]] std::string tier_text(const StoreStats& stats, const std::string& indent);
/// Where an object is, in one word: "dirty", "clean", "spilled", "reading"; empty if it is in memory only, as cache.
[[nodiscard]] const char* tier_word(const ObjectMetadata& object) noexcept;
/// The same in words for people: "in memory, and not on disk yet".
[[nodiscard]] const char* place_text(const ObjectMetadata& object) noexcept;
[[nodiscard]] Json to_json(const SpillTierStats& tier);

}  // namespace dolium::cli
