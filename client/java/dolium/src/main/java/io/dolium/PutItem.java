package io.dolium;

import java.lang.foreign.MemorySegment;

/**
 * One object of a {@link ObjectStore#putMany}.
 *
 * @param id the object's id
 * @param data its bytes: any segment
 * @param options its options; its timeout has no effect
 */
public record PutItem(ObjectId id, MemorySegment data, CreateOptions options) {
  /**
   * An object without options.
   *
   * @param id the object's id
   * @param data its bytes
   */
  public PutItem(ObjectId id, byte[] data) {
    this(id, MemorySegment.ofArray(data), CreateOptions.DEFAULT);
  }
}
