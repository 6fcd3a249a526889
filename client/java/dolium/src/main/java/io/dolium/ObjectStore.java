package io.dolium;

import java.time.Duration;

/**
 * A store: that of a daemon, shared by all processes of the host ({@link DoliumClient}), or one of this process alone
 * ({@link InProcessStore}). Both have the same calls. Threads may share a store.
 */
public abstract sealed class ObjectStore extends StoreAsync permits DoliumClient, InProcessStore {
  /** A timeout without an end. */
  public static final Duration FOREVER = Duration.ofSeconds(Long.MAX_VALUE);

  ObjectStore(long handle) {
    super(handle);
  }
}
