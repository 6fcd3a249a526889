package io.dolium;

/** Why an object is no longer visible. */
public enum Removal {
  /** It is visible; or for a reason that this version does not know. */
  NONE,
  /** By a remove or a take. */
  REMOVED,
  /** To free memory, or by an evict. */
  EVICTED,
  /** Its time to live or time to idle ended. */
  EXPIRED,
  /** By a clear. */
  CLEARED,
  /** Its bytes on disk were damaged. */
  LOST;

  static Removal of(int number) {
    return number > 0 && number < values().length ? values()[number] : NONE;
  }
}
