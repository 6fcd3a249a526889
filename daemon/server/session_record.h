#pragma once
// SessionRecord: what a server must know of a session that it has not made itself, as the keeper keeps it.

#include <cstdint>
#include <string>

#include <dolium/result.h>

#include "daemon/server/session.h"
#include "shm/store/store.h"

namespace dolium::daemon {

struct SessionRecord {
  shm::ClientId client = 0;
  shm::TimeNs attached = 0;
  std::uint64_t token = 0;  ///< what its client must show to go on with it; 0: it may not
  Access access = Access::read_only;
  std::string name;
  Session::Peer peer;
  ClientOrigin origin = {};

  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static Result<SessionRecord> from_text(const std::string& text);
};

}  // namespace dolium::daemon
