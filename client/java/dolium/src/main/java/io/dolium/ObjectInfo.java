package io.dolium;

import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * The store's record of an object.
 *
 * @param id the object
 * @param state whether it is sealed
 * @param dataSize bytes of its data
 * @param metadataSize bytes of its metadata
 * @param createdAt time of the create
 * @param sealedAt time of the seal; null while it is unsealed
 * @param lastAccessedAt time of the last get, or of the seal before the first get; null while it is unsealed
 * @param refCount references held by all clients together
 * @param typeTag the tag of its type
 * @param typeName the name of its type; empty if it has none
 * @param label its label; empty if it has none
 * @param timeToLive as given at the create; zero: none
 * @param timeToIdle as given at the create; zero: none
 * @param graceLeft how long a grace still keeps it; zero: no grace, or it is over
 * @param graceReadersLeft number of sessions whose gets end the grace
 * @param pinned whether it is pinned
 * @param creatorPid the process that made it
 * @param creatorCommand the name of its program; of {@link ObjectStore#metadata} only, while it is connected
 * @param sealStamp different for each object that was ever sealed, also under the same id; 0 while unsealed
 * @param retention {@link Retention#CACHE} or {@link Retention#KEEP}, also if its creator left the choice to the store
 * @param place where its bytes are; on disk, its type name and label are not known, and empty
 * @param uses its holders and the clients that wait for it, at most 64 of each; of {@link ObjectStore#metadata} only
 */
public record ObjectInfo(
    ObjectId id,
    ObjectState state,
    long dataSize,
    long metadataSize,
    Instant createdAt,
    Instant sealedAt,
    Instant lastAccessedAt,
    long refCount,
    long typeTag,
    String typeName,
    String label,
    Duration timeToLive,
    Duration timeToIdle,
    Duration graceLeft,
    int graceReadersLeft,
    boolean pinned,
    int creatorPid,
    String creatorCommand,
    long sealStamp,
    Retention retention,
    ObjectPlace place,
    List<ObjectUse> uses) {}
