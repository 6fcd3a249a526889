#pragma once
// Visits: what a correct client does in a store, with each verb once. A visit continues after errors as far as it can,
// and records what was refused. It leaves no objects behind if all went well; `clean_up` removes the rest.
//
// Each visit arms its own fault, after the preparations that belong to the test and not to the library (such as
// starting a thread).

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/dolium.h>

namespace dolium::faults {

/// What was refused, in words: "code: message".
using Refusals = std::vector<std::string>;

/// What makes calls fail from here on, in this thread alone or in all; and what ends it.
struct Arming {
  std::function<void()> in_all;
  std::function<void()> in_this_thread;
  std::function<void()> end;
};

/// Connects, and tries every verb.
[[nodiscard]] Refusals visit(const std::string& socket);
/// A client of which another thread waits, and reads for both, while this one is refused things.
[[nodiscard]] Refusals visit_beside_a_leader(const std::string& socket, const Arming& arming);
/// A client of which several threads try every verb at once.
[[nodiscard]] Refusals visit_in_threads(const std::string& socket, const Arming& arming);
/// A client that forks; its child goes on with what it holds.
[[nodiscard]] Refusals visit_and_fork(const std::string& socket, const Arming& arming);

/// Every verb that a connected client has. `who`: a beginning for its objects' names.
void try_all_verbs(Client& client, Refusals& refusals, std::string_view who = "visit");
/// Every verb that any store has.
void try_common_verbs(ObjectStore& store, Refusals& refusals, std::string_view who = "visit");
/// What a visit may have left behind.
void clean_up(ObjectStore& store);

}  // namespace dolium::faults
