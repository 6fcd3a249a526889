package io.dolium;

import java.time.Duration;

/** Durations as the C interface counts them. */
final class Timeouts {
  private static final Duration MAXIMUM = Duration.ofNanos(Long.MAX_VALUE);

  private Timeouts() {}

  /** Nanoseconds to wait; -1 for ever. */
  static long nanos(Duration timeout) {
    if (timeout.isNegative() || timeout.compareTo(MAXIMUM) > 0) return -1;
    return timeout.toNanos();
  }

  /** Nanoseconds of a duration that is no timeout; as long as can be, if it is too long. */
  static long bounded(Duration duration) {
    return duration.compareTo(MAXIMUM) > 0 ? Long.MAX_VALUE : duration.toNanos();
  }
}
