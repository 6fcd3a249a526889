#pragma once
// What --json prints: the members of the public structs under their own names; times as RFC 3339 in UTC, or null
// for "not yet"; durations in milliseconds, by their names; a type tag as a string of 16 hexadecimal digits, because
// many readers of JSON (jq, JavaScript) keep only 53 bits of a number.

#include <nlohmann/json.hpp>
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

/// ASCII only, whatever the bytes were: invalid UTF-8 is replaced, and no terminal is told anything.
[[nodiscard]] std::string dump(const Json& json, int indent);
/// On stdout, indented.
void print_json(const Json& json);
/// On stdout, one line, at once.
void print_json_line(const Json& json);

}  // namespace dolium::cli
