package io.dolium;

/**
 * A put that failed.
 *
 * @param id the object's id
 * @param index the number of the item of {@link ObjectStore#putMany}, from 0 on
 * @param error why it failed; it was not thrown
 */
public record PutFailure(ObjectId id, long index, DoliumException error) {}
