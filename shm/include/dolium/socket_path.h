#pragma once
// Where the daemon listens and where clients look when nobody says otherwise: one rule for both sides.

#include <string>

#include <dolium/export.h>

namespace dolium {

/// The first of: $DOLIUM_SOCKET; $XDG_RUNTIME_DIR/dolium.sock; /run/dolium/dolium.sock for root;
/// /tmp/dolium-<uid>/dolium.sock. Variables that are empty count as not set. The uid is the effective one.
/// Reads the environment: not to be called while another thread changes it.
[[nodiscard]] DOLIUM_API std::string default_socket_path();

}  // namespace dolium
