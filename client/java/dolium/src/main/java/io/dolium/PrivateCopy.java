package io.dolium;

import java.lang.foreign.MemorySegment;

/**
 * A writable copy of an object's data for this process alone: no other process, copy or later get sees the writes. It
 * costs memory only for the pages that are written.
 *
 * <p>If the program forgets the close, the copy ends some time after it and its segment have become unreachable.
 */
public final class PrivateCopy extends Mapped implements AutoCloseable {
  private final MemorySegment data;

  PrivateCopy(long handle, long size) {
    super(new CopyLease(handle));
    synchronized (this) {
      data = segment(address(handle), size);
    }
  }

  private static long address(long handle) {
    try {
      return (long) Native.PRIVATE_COPY_DATA.invokeExact(handle);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
  }

  /**
   * The bytes, writable, as many as the object has, aligned to 64 bytes.
   *
   * @return the same segment each time, usable by any thread until {@link #close()}
   */
  public MemorySegment data() {
    return data;
  }

  /**
   * Ends the copy: its bytes are gone. A second close has no effect.
   *
   * @throws IllegalStateException while a native call of another thread uses the segment: the copy then stays open
   */
  @Override
  public void close() {
    synchronized (this) {
      if (lease.isShut()) return;
      closeSegments();
      lease.shut();
    }
    forget();
  }

  private static final class CopyLease extends Lease {
    private final long handle;

    CopyLease(long handle) {
      super("this private copy");
      this.handle = handle;
    }

    @Override
    protected void end() {
      Native.run(Native.PRIVATE_COPY_FREE, handle);
    }
  }
}
