package io.dolium;

import static io.dolium.Failures.unexpected;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;

/** A dolium_store, which ends when it was closed and no call is inside it. */
abstract class StoreHandle implements AutoCloseable {
  /** A call of the C interface: its arguments and results are in the scratch. */
  interface Call {
    int run(Scratch scratch) throws Throwable;
  }

  interface Result<T> {
    T of(Scratch scratch) throws Throwable;
  }

  final long handle;
  final Lease lease;
  private final Reader reader;

  StoreHandle(long handle) {
    this.handle = handle;
    reader = new Reader(this);
    lease = new StoreLease(handle, reader);
  }

  final Reader reader() {
    return reader;
  }

  /** Makes a call. Its failure is thrown. */
  final void run(Call call) {
    ask(call, scratch -> null);
  }

  /** Makes a call, and reads its result. */
  final <T> T ask(Call call, Result<T> result) {
    lease.enter();
    Scratch scratch = Scratch.take();
    try {
      int code = call.run(scratch);
      if (code != 0) throw scratch.failure(code);
      return result.of(scratch);
    } catch (Throwable error) {
      throw unexpected(error);
    } finally {
      scratch.giveBack();
      lease.leave();
    }
  }

  /** The ids, one behind the other. */
  static MemorySegment idsIn(Arena arena, Collection<ObjectId> ids) {
    MemorySegment memory = arena.allocate(Math.max(1, Structs.ID.size() * ids.size()), 8);
    long at = 0;
    for (ObjectId id : ids) {
      Scratch.put(memory, at, id);
      at += Structs.ID.size();
    }
    return memory;
  }

  /**
   * Ends the session. Objects, builders and private copies stay valid, and must be closed themselves. Calls of other
   * threads that are under way go on to their end; all later ones throw {@link IllegalStateException}. Futures that have
   * no outcome yet end with a {@link DisconnectedException}. A second close has no effect.
   */
  @Override
  public void close() {
    if (lease.shut()) reader.stop();
  }

  /**
   * Whether {@link #close()} was called.
   *
   * @return true after the close
   */
  public boolean isClosed() {
    return lease.isShut();
  }

  private static final class StoreLease extends Lease {
    private final long handle;
    private final Reader reader;

    StoreLease(long handle, Reader reader) {
      super("this store");
      this.handle = handle;
      this.reader = reader;
    }

    @Override
    void end() {
      Pending.abandon(reader);
      Native.run(Native.CLOSE, handle);
      reader.runProgram(); // completes the futures that have no outcome
    }
  }
}
