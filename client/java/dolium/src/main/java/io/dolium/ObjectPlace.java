package io.dolium;

/** Where an object's bytes are. All but the first: only with {@link Retention#KEEP}. A later version can have more. */
public enum ObjectPlace {
  /** Not known. */
  UNKNOWN,
  /** In memory only. */
  MEMORY,
  /** In both: its memory can be given up at once. */
  MEMORY_AND_DISK,
  /** On disk only: a get reads it back. */
  DISK,
  /** On disk, and being read back. */
  READING_BACK;

  private static final ObjectPlace[] ALL = values();

  static ObjectPlace of(int number) {
    return number > 0 && number < ALL.length ? ALL[number] : UNKNOWN;
  }
}
