#ifndef DOLIUM_C_TIER_H
#define DOLIUM_C_TIER_H
// The spill tier of a store, as dolium_stats() reports it: where objects of DOLIUM_RETENTION_KEEP go when their memory
// is needed.

#include <dolium/c/base.h>

DOLIUM_C_BEGIN

/// How a spill tier is.
enum {
  DOLIUM_TIER_NONE = 0,       ///< the store has no spill tier
  DOLIUM_TIER_ABSENT = 1,     ///< no process of the tier is connected
  DOLIUM_TIER_CATALOGUE = 2,  ///< it tells what is on the disk; nothing is written or read back
  DOLIUM_TIER_READY = 3,
  DOLIUM_TIER_FULL = 4,       ///< objects are read back, none are written: the disk, or the quota, is full
  DOLIUM_TIER_READ_ONLY = 5,  ///< objects are read back, none are written: the file system refuses
  DOLIUM_TIER_FAILED = 6,     ///< neither
  DOLIUM_TIER_STALLED = 7     ///< neither: the disk has not answered for 30 s
};

/// Bytes of a directory's path in a report, with its terminating zero. A longer path is cut.
#define DOLIUM_PATH_SIZE 1024

/// The spill tier: doliumd-spill and its directory. Its own figures are a second old. Never changes its size.
typedef struct dolium_spill_tier {
  int32_t state;                          ///< DOLIUM_TIER_...; a later version can have more
  int32_t pid;                            ///< of doliumd-spill, in the daemon's PID namespace; 0: not connected
  int64_t connected_for_ns;               ///< age of the connection
  int64_t oldest_work_ns;                 ///< how long the process has owed an answer to a write or a read
  uint64_t writing_count, writing_bytes;  ///< being written
  uint64_t reading_bytes;                 ///< being read back: dolium_store_stats.reading_count objects
  uint64_t capacity_bytes;                ///< the quota; the largest number if there is none
  uint64_t used_bytes;                    ///< allocated on the disk
  uint64_t live_bytes;                    ///< of objects that are there; the rest of used_bytes is freed by compaction
  uint64_t records;                       ///< objects on the disk
  uint64_t files;
  uint64_t written_bytes, read_bytes, compacted_bytes;  ///< these, and those below, since the process started
  uint64_t write_errors, read_errors;
  uint64_t damaged_count;     ///< records found with a wrong checksum
  uint64_t unreadable_count;  ///< reads that the disk refused
  uint64_t lost_records;      ///< records whose files were removed or cut by others
  int64_t last_sync_ns;       ///< duration of the last sync
  uint64_t reserved[8];
  char io[16];                          ///< "io_uring" or "threads"
  char directory[DOLIUM_PATH_SIZE];     ///< empty until the process has told it
  char reason[DOLIUM_ERROR_TEXT_SIZE];  ///< why it is not ready, as the process says; may be empty
} dolium_spill_tier;

DOLIUM_C_END

#endif
