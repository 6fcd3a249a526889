package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A stream of events. The store's reader thread reads them into a queue of at most {@link #CAPACITY} events. If it is full,
 * the events after it are dropped, and an {@link EventKind#OVERFLOW} stands for them.
 */
public final class Subscription implements AutoCloseable {
  /** Maximum number of events that wait for {@link #next}. */
  public static final int CAPACITY = 65536;

  private static final int TIMED_OUT = ErrorCode.TIMED_OUT.number();

  private final Reader reader;
  private final Consumer<? super StoreEvent> consumer; // null: next() takes the events
  private final MemorySegment event = Arena.ofAuto().allocate(Structs.EVENT.size(), 8);

  // Under this object's lock.
  private final ArrayDeque<StoreEvent> queue = new ArrayDeque<>();
  private long handle; // 0: ended
  private DoliumException failure;
  private boolean closed;

  Subscription(Reader reader, long handle, Consumer<? super StoreEvent> consumer) {
    this.reader = reader;
    this.handle = handle;
    this.consumer = consumer;
    event.set(JAVA_LONG, 0, Structs.EVENT.size());
  }

  /**
   * The next event.
   *
   * @param timeout how long to wait; a negative one waits for ever
   * @return empty if none comes in time
   * @throws InterruptedException if the thread is interrupted while it waits
   * @throws DisconnectedException after the daemon's end or the store's close, when all its events have been read
   * @throws IllegalStateException after {@link #close()}, also while another thread waits; or if events go to a consumer
   */
  public synchronized Optional<StoreEvent> next(Duration timeout) throws InterruptedException {
    if (consumer != null) throw new IllegalStateException("the events of this subscription go to a consumer");
    long nanos = Timeouts.nanos(timeout);
    long deadline = System.nanoTime() + nanos;
    while (queue.isEmpty() && failure == null && !closed) {
      long left = nanos < 0 ? Long.MAX_VALUE : deadline - System.nanoTime();
      if (left <= 0) return Optional.empty();
      wait(Math.min(left / 1_000_000 + 1, Integer.MAX_VALUE));
    }
    if (closed) throw new IllegalStateException("this subscription is closed");
    if (queue.isEmpty()) throw failure;
    return Optional.of(queue.remove());
  }

  /** Reads what the store has sent. By the reader thread. */
  void read(Scratch scratch) {
    boolean failed;
    synchronized (this) {
      while (handle != 0 && readOne(scratch)) {}
      failed = failure != null;
      notifyAll();
    }
    if (failed) reader.remove(this);
  }

  private boolean readOne(Scratch scratch) {
    int code;
    try {
      code = (int) Native.SUBSCRIPTION_NEXT.invokeExact(handle, 0L, event.address(), scratch.error());
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
    if (code == TIMED_OUT) return false;
    if (code != 0) {
      failure = scratch.failure(code);
      end();
      return false;
    }
    add(Reports.read(StoreEvent.class, Structs.EVENT, event));
    return true;
  }

  private void add(StoreEvent each) {
    if (queue.size() < CAPACITY) {
      queue.add(each);
    } else if (queue.peekLast().kind() != EventKind.OVERFLOW) {
      queue.removeLast();
      queue.add(StoreEvent.LOST);
    }
  }

  /** Hands events to the consumer. By the reader thread, without a lock. A consumer that throws gets no more. */
  void deliver() {
    if (consumer == null) return;
    try {
      for (StoreEvent each = poll(); each != null; each = poll()) consumer.accept(each);
    } catch (RuntimeException error) {
      close();
      Thread current = Thread.currentThread();
      current.getUncaughtExceptionHandler().uncaughtException(current, error);
    }
  }

  private synchronized StoreEvent poll() {
    return closed ? null : queue.poll();
  }

  private void end() {
    long ended = handle;
    handle = 0;
    if (ended != 0) Native.run(Native.SUBSCRIPTION_FREE, ended);
  }

  /** No more events come. */
  synchronized void storeClosed() {
    end();
    if (failure == null) failure = new DisconnectedException(ErrorCode.DISCONNECTED, "the store was closed");
    notifyAll();
  }

  /** Ends the stream, and wakes a thread that waits for an event. A second close has no effect. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      end();
      notifyAll();
    }
    reader.remove(this);
  }
}
