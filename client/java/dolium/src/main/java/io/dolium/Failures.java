package io.dolium;

/** Exceptions of method handles. Apart from {@link Native}, which does not exist if the library cannot be loaded. */
final class Failures {
  private Failures() {}

  /** Throws what Java code and the scopes of segments throw; a checked exception cannot come. */
  static RuntimeException unexpected(Throwable error) {
    if (error instanceof RuntimeException known) throw known;
    if (error instanceof Error known) throw known;
    return new IllegalStateException(error);
  }
}
