#pragma once
// The output of --json: the members of the public structs under their own names. Times are RFC 3339 in UTC, or null for
// "not yet"; durations are in milliseconds, as their names say. A type tag is a string of 16 hexadecimal digits,
// because many JSON readers (jq, JavaScript) keep only 53 bits of a number.

#include <span>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/stats.h>

#include "client/cli/json.h"

namespace dolium::cli {

[[nodiscard]] Json to_json(const ObjectMetadata& object);
[[nodiscard]] Json to_json(const ClientInfo& client);
[[nodiscard]] Json to_json(const ClientUse& use);
[[nodiscard]] Json to_json(std::span<const ClientUse> uses);
[[nodiscard]] Json to_json(const Obstacles& obstacles);
[[nodiscard]] Json to_json(const Refusal& refusal);
[[nodiscard]] Json to_json(const StoreStats& stats);

/// Prints to stdout, indented. Safe on a terminal: see Json::dump().
void print_json(const Json& json);
/// Prints one line to stdout, and flushes it.
void print_json_line(const Json& json);

}  // namespace dolium::cli
