package io.dolium;

/** Why a create or a put was refused. A later version can have more. */
public enum RefusalCause {
  /** The error has another reason. */
  NONE,
  /** No contiguous free memory, and none could be made free. */
  ROOM,
  /** The store's maximum number of objects exist, and none could be evicted. */
  OBJECTS,
  /** The user's quota of bytes that are pinned or in a grace. */
  PINS,
  /** The client's quota of unsealed objects. */
  WRITING,
  /** Larger than the whole store. */
  CAPACITY,
  /** The metadata or the type name is too long. */
  DESCRIPTION,
  /** The machine, or its cgroup, has no memory for the store. */
  MEMORY,
  /** Too many bytes of retention {@code KEEP} are not on disk yet. */
  DISK,
  /** A cause that this version does not know. */
  UNKNOWN;

  private static final RefusalCause[] ALL = values();

  static RefusalCause of(int number) {
    return number >= 0 && number < UNKNOWN.ordinal() ? ALL[number] : UNKNOWN;
  }
}
