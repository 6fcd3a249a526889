package io.dolium;

/**
 * Memory that can neither be evicted nor moved at the moment, and so causes fragmentation.
 *
 * @param count pieces
 * @param heldBytes in use by clients, including removed objects
 * @param writingBytes unsealed objects of connected clients
 * @param leasedBytes leases that are in use, or cannot be given back
 * @param abandonedBytes unsealed objects of a client or of a server that died
 * @param pinnedBytes pinned, not in use, and too large to be moved
 * @param gracedBytes in a grace, not in use, and too large to be moved
 * @param movableBytes no obstacle: pinned or in a grace, and not in use; can only be moved
 * @param largestRun the largest contiguous free memory if everything else were evicted or moved
 */
public record Obstacles(
    long count,
    long heldBytes,
    long writingBytes,
    long leasedBytes,
    long abandonedBytes,
    long pinnedBytes,
    long gracedBytes,
    long movableBytes,
    long largestRun) {}
