package io.dolium;

/** The kind of a {@link StoreEvent}. */
public enum EventKind {
  /** A kind that this version does not know. */
  UNKNOWN,
  /** The object is visible; also one for each object that was there at the beginning. */
  SEALED,
  /** The object is no longer visible. */
  REMOVED,
  /** Events were lost here: the subscriber was too slow, or the server was restarted. */
  OVERFLOW;

  static EventKind of(int number) {
    return number > 0 && number < values().length ? values()[number] : UNKNOWN;
  }
}
