package io.dolium;

/** How a spill tier is. A later version can have more. */
public enum SpillTierState {
  /** Not known. */
  UNKNOWN,
  /** No process of the tier is connected. */
  ABSENT,
  /** It tells what is on the disk; nothing is written or read back. */
  CATALOGUE,
  /** Objects are written and read back. */
  READY,
  /** Objects are read back, none are written: the disk, or the quota, is full. */
  FULL,
  /** Objects are read back, none are written: the file system refuses. */
  READ_ONLY,
  /** Neither. */
  FAILED,
  /** Neither: the disk has not answered for 30 s. */
  STALLED;

  private static final SpillTierState[] ALL = values();

  static SpillTierState of(int number) {
    return number > 0 && number < ALL.length ? ALL[number] : UNKNOWN;
  }
}
