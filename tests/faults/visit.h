#pragma once
// Visit: what an honest client does in a store, each verb once, whatever each of them answers: it goes on as far as it
// can, and notes what was refused. Leaves nothing behind where all went well; `clean_up` takes the rest away.

#include <string>
#include <vector>

#include <dolium/dolium.h>

namespace dolium::faults {

/// What was refused, in words: "code: message".
using Refusals = std::vector<std::string>;

/// Connects, and tries every verb.
[[nodiscard]] Refusals visit(const std::string& socket);
/// Every verb that a connected client has.
void try_all_verbs(Client& client, Refusals& refusals);
/// What a visit may have left behind.
void clean_up(Client& client);

}  // namespace dolium::faults
