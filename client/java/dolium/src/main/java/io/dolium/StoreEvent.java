package io.dolium;

/**
 * Something that happened in the store.
 *
 * @param kind what happened
 * @param removal why, if an object is no longer visible
 * @param id the object; zero for {@link EventKind#OVERFLOW}
 * @param label its label; empty if it has none
 * @param dataSize bytes of its data
 * @param metadataSize bytes of its metadata
 */
public record StoreEvent(
    EventKind kind, Removal removal, ObjectId id, String label, long dataSize, long metadataSize) {
  /** Events were lost in front of it. */
  static final StoreEvent LOST =
      new StoreEvent(EventKind.OVERFLOW, Removal.NONE, ObjectId.ofWords(0, 0, 0), "", 0, 0);
}
