package io.dolium;

/** How a client uses an object. */
public enum UseRole {
  /** In a way that this version does not know. */
  UNKNOWN,
  /** It holds references. */
  HOLDER,
  /** Its gets wait for the seal. */
  WAITER;

  static UseRole of(int number) {
    return number > 0 && number < values().length ? values()[number] : UNKNOWN;
  }
}
