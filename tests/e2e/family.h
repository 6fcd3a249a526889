#pragma once
// Parents, children and orphans in tests of fork(): which of them holds which objects, as the daemon sees it, and their
// end.

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

namespace dolium::e2e {

/// Waits for a grandchild that has become ours. None may be left to wait for: its own parent, if it ended later, has
/// reaped it.
inline void await_orphan(pid_t child) {
  const pid_t ended = ::waitpid(child, nullptr, 0);
  CHECK((ended == child || (ended == -1 && errno == ECHILD)));
}

/// What the daemon lists for a process's only session; nothing when it has none, or more than one.
inline std::optional<ClientInfo> listed(const Daemon& daemon, pid_t pid) {
  std::vector<ClientInfo> found = daemon.watcher()->clients().value();
  std::erase_if(found, [pid](const ClientInfo& each) { return each.pid != pid; });
  return found.size() == 1 ? std::optional(found.front()) : std::nullopt;
}

/// The same as text, for CHECK(... == ...): "references objects bytes", or "not listed". Waits for what is expected.
inline std::string holdings(const Daemon& daemon, pid_t pid, const std::string& expected) {
  std::string found;
  static_cast<void>(test::eventually([&] {
    const std::optional<ClientInfo> client = listed(daemon, pid);
    found = client ? std::to_string(client->references) + ' ' + std::to_string(client->objects_held) + ' ' +
                         std::to_string(client->bytes_held)
                   : "not listed";
    return found == expected;
  }));
  return found;
}

#define CHECK_HOLDS(pid, expected) CHECK(holdings(daemon, pid, expected) == (expected))

}  // namespace dolium::e2e
