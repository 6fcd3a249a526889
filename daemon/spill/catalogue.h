#pragma once
// Catalogue: where each live object lies on the disk. 80 bytes an object, beside the map's own.
//
// One thread.

#include <unordered_map>

#include "daemon/spill/format.h"

namespace dolium::spill {

struct Entry {
  ObjectId id;
  FileNumber file = 0;
  std::uint64_t size = 0;  ///< of the payload
  std::uint64_t stamp = 0;
  Incarnation incarnation{};
  Checksum checksum{};
  std::uint32_t payload_at = 0;

  [[nodiscard]] std::uint64_t offset() const noexcept { return payload_at * kPayloadAlignment; }
};
static_assert(sizeof(Entry) == 80);

[[nodiscard]] inline Entry entry_of(const RecordHead& head, FileNumber file) {
  return {id_of(head), file, head.payload_size(), head.stamp, head.incarnation, head.checksum, head.payload_at};
}

/// By the record's number, which never changes.
using Catalogue = std::unordered_map<Sequence, Entry>;

}  // namespace dolium::spill
