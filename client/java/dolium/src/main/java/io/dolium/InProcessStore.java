package io.dolium;

import java.lang.foreign.Arena;

/**
 * A store of this process alone, without a daemon: for tests and tools. It has no thread: each call first expires the
 * objects that are due.
 */
public final class InProcessStore extends ObjectStore {
  private InProcessStore(long handle) {
    super(handle);
  }

  /**
   * Opens a store.
   *
   * @param capacity bytes
   * @return a store, which the caller closes
   */
  public static InProcessStore open(long capacity) {
    return open(OpenOptions.ofCapacity(capacity));
  }

  /**
   * Opens a store.
   *
   * @param options its configuration
   * @return a store, which the caller closes
   */
  public static InProcessStore open(OpenOptions options) {
    Scratch scratch = Scratch.take();
    try (Arena arena = Arena.ofConfined()) {
      int code = (int) Native.OPEN.invokeExact(options.in(arena), scratch.word(0), scratch.error());
      if (code != 0) throw scratch.failure(code);
      return new InProcessStore(scratch.wordValue(0));
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }
}
