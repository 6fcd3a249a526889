#pragma once
// SessionRecord: one client's session as the keeper stores it, so that the next server can continue it: the text of the
// record, and the session's descriptors.
//
// A resource: moves. A session owns its record while it lives.

#include <cstdint>
#include <string>

#include <dolium/metadata.h>
#include <dolium/options.h>
#include <dolium/result.h>

#include "daemon/server/access_list.h"
#include "protocol/peer.h"
#include "shm/os/unique_fd.h"
#include "shm/store/store_types.h"

namespace dolium::daemon {

/// The process at the other end of a connection, as the kernel knows it, and what it may do.
struct Peer {
  protocol::PeerCredentials credentials{};
  Permission permission = Permission::none;
  std::string command;
  std::string user;

  /// For the log: "python3, pid 17, user ann".
  [[nodiscard]] std::string text() const;
};

struct SessionRecord {
  shm::ClientId client = 0;  ///< 0: the client has not been admitted to the store
  shm::TimeNs attached = 0;  ///< when it was admitted
  std::uint64_t token = 0;   ///< proves the right to resume or to copy the session; 0: neither is allowed
  Access access = Access::read_only;
  std::string name = {};
  Peer peer = {};
  ClientOrigin origin = {};
  // Descriptors, which are not part of the text.
  shm::UniqueFd socket = {};
  shm::UniqueFd release_event = {};
  shm::UniqueFd process = {};    ///< a pidfd; none: the process is not known
  shm::UniqueFd pin_table = {};  ///< only from the keeper to a new server, whose store takes it

  [[nodiscard]] std::string to_text() const;
  /// protocol_error when another version of doliumd has written the text.
  [[nodiscard]] static Result<SessionRecord> from_text(const std::string& text);
};

}  // namespace dolium::daemon
