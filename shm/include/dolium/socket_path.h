#pragma once
// The default socket path, for the daemon and for clients.

#include <string>

#include <dolium/export.h>

namespace dolium {

/// The first of: $DOLIUM_SOCKET; $XDG_RUNTIME_DIR/dolium.sock; /run/dolium/dolium.sock for root;
/// /tmp/dolium-<uid>/dolium.sock, with the effective uid. An empty environment variable counts as not set. Reads the
/// environment: do not call it while another thread changes the environment.
[[nodiscard]] DOLIUM_API std::string default_socket_path();

}  // namespace dolium
