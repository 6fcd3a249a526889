package io.dolium;

import java.time.Duration;
import java.util.List;

/**
 * The state of a store. Bytes are arena bytes: they include padding and metadata. The capacity is always the sum of the
 * used and the free bytes. Counts of gets, puts, evictions and the like are since the start of the store.
 *
 * @param totalObjects objects that are sealed and visible
 * @param totalSize bytes of their data and metadata, without padding
 * @param capacity bytes of the arena
 * @param usedBytes in use
 * @param freeBytes not in use
 * @param largestFreeExtent the largest object that fits without an eviction
 * @param paddingBytes lost to alignment
 * @param reservedBytes part of the capacity that the kernel has allocated
 * @param maxObjects maximum number of objects
 * @param pinnedCount pinned objects
 * @param pinnedBytes their bytes
 * @param gracedCount objects that are kept by a grace alone: neither pinned nor in use
 * @param gracedBytes their bytes
 * @param inUseCount objects that a client holds, including removed ones
 * @param inUseBytes their bytes
 * @param unsealedCount objects that are being written
 * @param unsealedBytes their bytes
 * @param retiredCount objects that were removed and are still held: free at the last release
 * @param retiredBytes their bytes
 * @param quarantinedCount unsealed objects of clients that died
 * @param quarantinedBytes their bytes
 * @param evictableBytes bytes that an eviction can free
 * @param getCount gets
 * @param hitCount gets that found their object
 * @param missCount gets that did not
 * @param putCount objects sealed
 * @param evictionCount objects evicted
 * @param evictedBytes their bytes
 * @param relocationCount objects moved to defragment the memory
 * @param relocatedBytes their bytes
 * @param expiredCount objects whose time had passed
 * @param removedCount objects removed
 * @param abortedCount objects that were never sealed
 * @param outOfMemoryCount creates that found no room, also after waiting
 * @param clientCount clients
 * @param waitingGets gets that wait for a seal
 * @param waitingCreates creates that wait for room
 * @param uptime age of the store
 * @param pidNamespace of the daemon's process ids; 0: unknown
 * @param serverPid the daemon's server; 0 in an in-process store
 * @param serverVersion its version; empty in an in-process store
 * @param obstacles what causes fragmentation
 * @param histogram by the size of objects
 * @param dirtyCount objects of {@link Retention#KEEP} in memory, not on disk yet
 * @param dirtyBytes their bytes
 * @param cleanCount likewise, in memory and on disk
 * @param cleanBytes their bytes
 * @param spilledCount likewise, on disk only
 * @param spilledBytes their bytes: no part of the used ones
 * @param readingCount the part of them that is being read back
 * @param spillCount objects whose memory was given up
 * @param readBackCount objects that came back from disk
 * @param tier the spill tier; null: the store has none
 */
public record StoreStats(
    long totalObjects,
    long totalSize,
    long capacity,
    long usedBytes,
    long freeBytes,
    long largestFreeExtent,
    long paddingBytes,
    long reservedBytes,
    long maxObjects,
    long pinnedCount,
    long pinnedBytes,
    long gracedCount,
    long gracedBytes,
    long inUseCount,
    long inUseBytes,
    long unsealedCount,
    long unsealedBytes,
    long retiredCount,
    long retiredBytes,
    long quarantinedCount,
    long quarantinedBytes,
    long evictableBytes,
    long getCount,
    long hitCount,
    long missCount,
    long putCount,
    long evictionCount,
    long evictedBytes,
    long relocationCount,
    long relocatedBytes,
    long expiredCount,
    long removedCount,
    long abortedCount,
    long outOfMemoryCount,
    long clientCount,
    long waitingGets,
    long waitingCreates,
    Duration uptime,
    long pidNamespace,
    int serverPid,
    String serverVersion,
    Obstacles obstacles,
    List<HistogramRow> histogram,
    long dirtyCount,
    long dirtyBytes,
    long cleanCount,
    long cleanBytes,
    long spilledCount,
    long spilledBytes,
    long readingCount,
    long spillCount,
    long readBackCount,
    SpillTier tier) {}
