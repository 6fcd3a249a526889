package io.dolium;

import java.time.Duration;

/**
 * The spill tier of a store: doliumd-spill and its directory. Its own figures are a second old.
 *
 * @param state how it is
 * @param reason why it is not ready, as the process says; may be empty
 * @param pid of doliumd-spill, in the daemon's PID namespace; 0: not connected
 * @param directory empty until the process has told it
 * @param io {@code io_uring} or {@code threads}
 * @param connectedFor age of the connection
 * @param oldestWork how long the process has owed an answer to a write or a read
 * @param writingCount objects that are being written
 * @param writingBytes their bytes
 * @param readingBytes bytes of the objects that are being read back
 * @param capacityBytes the quota; -1, the largest unsigned number, if there is none
 * @param usedBytes allocated on the disk
 * @param liveBytes of objects that are there; compaction frees the rest of the used ones
 * @param records objects on the disk
 * @param files files
 * @param writtenBytes bytes written since the process started, as all below
 * @param readBytes bytes read
 * @param compactedBytes bytes that compaction has rewritten
 * @param writeErrors writes that failed
 * @param readErrors reads that failed
 * @param damagedCount records found with a wrong checksum
 * @param unreadableCount reads that the disk refused
 * @param lostRecords records whose files were removed or cut by others
 * @param lastSync duration of the last sync
 */
public record SpillTier(
    SpillTierState state,
    String reason,
    int pid,
    String directory,
    String io,
    Duration connectedFor,
    Duration oldestWork,
    long writingCount,
    long writingBytes,
    long readingBytes,
    long capacityBytes,
    long usedBytes,
    long liveBytes,
    long records,
    long files,
    long writtenBytes,
    long readBytes,
    long compactedBytes,
    long writeErrors,
    long readErrors,
    long damagedCount,
    long unreadableCount,
    long lostRecords,
    Duration lastSync) {}
