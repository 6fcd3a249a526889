#pragma once
// The output of --json: the members of the public structs under their own names. Times are RFC 3339 in UTC, or null for
// "not yet"; durations are in milliseconds, as their names say. A type tag is a string of 16 hexadecimal digits,
// because many JSON readers (jq, JavaScript) keep only 53 bits of a number.

#include <nlohmann/json_fwd.hpp>
#include <span>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/stats.h>

namespace dolium::cli {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json to_json(const ObjectMetadata& object);
[[nodiscard]] Json to_json(const ClientInfo& client);
[[nodiscard]] Json to_json(const ClientUse& use);
[[nodiscard]] Json to_json(std::span<const ClientUse> uses);
[[nodiscard]] Json to_json(const Obstacles& obstacles);
[[nodiscard]] Json to_json(const Refusal& refusal);
[[nodiscard]] Json to_json(const StoreStats& stats);

/// ASCII only: invalid UTF-8 is replaced, and control characters are escaped, so the output is safe on a terminal.
[[nodiscard]] std::string dump(const Json& json, int indent);
/// Prints to stdout, indented.
void print_json(const Json& json);
/// Prints one line to stdout, and flushes it.
void print_json_line(const Json& json);

}  // namespace dolium::cli
