#pragma once
// Recovery: finds out what a directory holds. It reads every file's heads, and decides which records live:
//
//   dead     its exact tombstone exists, or the clear record kills it, or another record of the id has a higher number,
//            dead or alive. Two copies of one record: the younger one without a tombstone lives
//   missing  a dead record without a tombstone: the tombstone was lost in the crash. It is to be written again before
//            any file is removed, or the record could come back later
//   undone   copies at the end of a scanned segment: the compaction that made them has not ended, and the records are
//            still in a segment with a footer. What is behind the last other chunk does not count, and is cut off by
//            the footer. A full tier has no room to keep a part of the copies, and then all that is still to be copied
//
// What an earlier process has written and may not have synced is written again and synced before it counts: otherwise
// it would be told as durable, and could still be lost. Apart from that, nothing changes on the disk.

#include <string>
#include <vector>

#include "daemon/spill/file_layer.h"
#include "daemon/spill/file_list.h"
#include "daemon/spill/file_table.h"
#include "daemon/spill/format.h"
#include "daemon/spill/large_vector.h"
#include "daemon/spill/segment_reader.h"

namespace dolium::spill {

struct LiveRecord {
  RecordHead head;
  FileNumber file = 0;
};

/// A segment that was scanned.
struct Scanned {
  FileNumber file = 0;
  std::vector<RecordHead> heads;
  std::uint64_t end = 0;
  std::vector<ChunkEnd> chunks;
};

struct Recovered {
  LargeVector<LiveRecord> objects;
  std::vector<Tombstone> missing;
  std::vector<Scanned> scanned;
  std::uint64_t bad_records = 0;        ///< of scanned segments; never told as durable, or damaged since
  std::uint64_t unreadable_blocks = 0;  ///< the disk did not return them
  std::uint64_t lost_records = 0;       ///< of files that an orderly end has left, and that are missing or changed now
  std::vector<std::string> losses;      ///< in words
};

/// Fills the table. Fails when a file cannot be opened or synced, or the directory cannot be listed. `listed`: what an
/// orderly end has left there.
[[nodiscard]] Result<Recovered> recover(FileLayer& layer, const Superblock& superblock, FileTable& table,
                                        const std::vector<ListedFile>& listed);

}  // namespace dolium::spill
