#pragma once
// What a Tier is made with: its options, and how its messages reach the spill process.

#include <cstdint>
#include <functional>

#include "messages_generated.h"
#include "shm/os/basic_types.h"
#include "shm/store/store_types.h"

namespace dolium::daemon {

struct TierOptions {
  /// What the process must show.
  protocol::TierToken token;
  /// Write ahead until this share of the capacity can be evicted without the disk.
  double ahead = 0.125;
  /// Age of a dirty object, since its seal, at which an idle disk writes it.
  shm::TimeNs write_after = 10'000'000'000;
  /// Bytes of disk that the process may use; 0: no limit.
  std::uint64_t capacity = 0;
};

struct TierLine {
  /// Sends a notice to the spill process: to this client, under its TierHelloRequest's number.
  std::function<void(shm::ClientId client, std::uint64_t request, protocol::TierWorkNoticeT work)> send;
  /// Answers its last TierCatalogueRequest, which was sent under this number.
  std::function<void(shm::ClientId client, std::uint64_t request, protocol::TierCatalogueReplyT reply)> end_catalogue;
  /// Whether the process has not read much of what was sent: nothing is planned until it has.
  std::function<bool()> is_behind;
};

}  // namespace dolium::daemon
