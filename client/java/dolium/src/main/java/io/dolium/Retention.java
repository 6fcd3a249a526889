package io.dolium;

/** What happens to an object when its memory is needed. */
public enum Retention {
  /** As the store's configuration says. */
  STORE_DEFAULT,
  /** The object is gone. */
  CACHE,
  /** The object is on disk, and a get reads it back. It takes a daemon with a spill directory. */
  KEEP;

  private static final Retention[] ALL = values();

  static Retention of(int number) {
    return number > 0 && number < ALL.length ? ALL[number] : STORE_DEFAULT;
  }
}
