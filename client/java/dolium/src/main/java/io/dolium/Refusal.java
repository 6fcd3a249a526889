package io.dolium;

import java.time.Duration;
import java.util.List;

/**
 * A create or a put that failed because there was no room or no quota, also after waiting.
 *
 * @param id the object
 * @param code the kind of failure
 * @param cause why there was no room
 * @param size contiguous bytes that it needed
 * @param ago how long ago
 * @param sessionId of the client; 0 in an in-process store
 * @param pid of the client
 * @param freeBytes free bytes at that moment
 * @param largestFreeExtent the largest contiguous free memory at that moment
 * @param obstacles what caused fragmentation at that moment
 * @param command the client's program
 * @param name the name that the client chose
 * @param reason the text of its error
 * @param holders at most 8 clients that held or wrote most then, the largest first
 */
public record Refusal(
    ObjectId id,
    ErrorCode code,
    RefusalCause cause,
    long size,
    Duration ago,
    long sessionId,
    int pid,
    long freeBytes,
    long largestFreeExtent,
    Obstacles obstacles,
    String command,
    String name,
    String reason,
    List<ObjectUse> holders) {}
