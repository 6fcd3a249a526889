#pragma once
// Reads what a segment holds: from its footer, or, where there is none (the process ended while it wrote there), by a
// scan. A scan goes on in steps of 4 KiB behind what is no chunk: completed chunks can lie behind a torn one. Because a
// torn write can leave a good header, a scan also checks every object's bytes.

#include <cstdint>
#include <vector>

#include "daemon/spill/file_layer.h"
#include "daemon/spill/format.h"

namespace dolium::spill {

/// Of a chunk: its end, and how many records lie before that.
struct ChunkEnd {
  std::uint64_t bytes = 0;
  std::size_t records = 0;
};

struct SegmentContents {
  std::vector<RecordHead> heads;
  std::vector<ChunkEnd> chunks;         ///< of a scanned one
  std::uint64_t end = 0;                ///< behind the last chunk
  std::uint64_t made_bytes = 0;         ///< of a scanned one: its size when it was made
  std::uint64_t bytes = 0;              ///< its size now
  std::uint64_t bad_records = 0;        ///< their bytes do not fit their checksum
  std::uint64_t unreadable_blocks = 0;  ///< the disk did not return them
  bool has_footer = false;
};

/// Waits for the disk. system_error when the file itself fails; blocks that cannot be read are counted.
[[nodiscard]] Result<SegmentContents> read_segment(FileLayer& layer, File& file, const Nonce& nonce);

/// The head of an object's own file. not_found: there is none, because the file was never completed.
[[nodiscard]] Result<RecordHead> read_object_head(FileLayer& layer, File& file, const Nonce& nonce);

}  // namespace dolium::spill
