#pragma once
// What an operator asks of a daemon's spill tier (Client), and its answers.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <dolium/object_id.h>

namespace dolium {

enum class SpillOrderKind : std::uint8_t {
  verify,   ///< read every record, and compare its checksum
  compact,  ///< rewrite files that hold removed records, and so free their space
};

/// How far an order is.
struct SpillOrder {
  std::uint64_t number = 0;  ///< for Client::spill_order()
  bool finished = false;
  std::uint64_t records = 0;        ///< verify: looked at so far
  std::uint64_t bytes = 0;          ///< verify: read; compact: freed on the disk
  std::uint64_t damaged_count = 0;  ///< verify: records with a wrong checksum
  std::vector<ObjectId> damaged;    ///< some of them: see Client::spill_order()
  std::string error;                ///< why it has ended early; empty: it has not
  std::chrono::milliseconds age{0};
};

/// What Client::forget_spilled() did.
struct ForgottenSpill {
  std::uint64_t lost_count = 0, lost_bytes = 0;  ///< objects that were only on the disk: gone
  std::uint64_t dirty_count = 0;  ///< objects in memory, which are not on disk now, and are to be written
};

}  // namespace dolium
