package io.dolium;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An asynchronous call that is under way. The C interface knows it by a number. It is settled when two things have
 * happened, in any order: the call that began it has returned, and the library has dropped the number.
 */
final class Pending<T extends AutoCloseable> {
  private static final Map<Long, Pending<?>> BY_NUMBER = new ConcurrentHashMap<>();
  private static final AtomicLong NEXT = new AtomicLong(1);

  private final long number = NEXT.getAndIncrement();
  private final Reader reader;
  private final ObjectId id;
  private final long size; // of an object that is created
  private final CompletableFuture<T> future = new CompletableFuture<>();
  private final AtomicInteger arrivals = new AtomicInteger();
  private volatile T outcome;
  private volatile Throwable failure;
  private long operation; // a dolium_async; 0: none
  private boolean finished;

  Pending(Reader reader, ObjectId id, long size) {
    this.reader = reader;
    this.id = id;
    this.size = size;
    BY_NUMBER.put(number, this);
    // However the future ends, also by a cancel or orTimeout(): the operation ends with it.
    future.whenComplete((unused, error) -> finish());
  }

  /** The pending call with this number; null if there is none. */
  static Pending<?> of(long number) {
    return BY_NUMBER.get(number);
  }

  /** Ends the calls of a store that is about to be closed, without an outcome. */
  static void abandon(Reader reader) {
    for (Pending<?> each : BY_NUMBER.values()) {
      if (each.reader == reader) each.finish();
    }
  }

  long number() {
    return number;
  }

  ObjectId id() {
    return id;
  }

  long size() {
    return size;
  }

  CompletableFuture<T> future() {
    return future;
  }

  @SuppressWarnings("unchecked") // only the callback of this kind of call calls it
  void outcome(AutoCloseable value) {
    outcome = (T) value;
  }

  void failure(Throwable error) {
    failure = error;
  }

  /** The call that began it has returned, with a dolium_async or 0. */
  void begun(long asynchronous) {
    if (!keep(asynchronous)) end(asynchronous);
    arrived();
  }

  private synchronized boolean keep(long asynchronous) {
    if (finished) return false;
    operation = asynchronous;
    return true;
  }

  /** The library has dropped the number. */
  void dropped() {
    BY_NUMBER.remove(number);
    arrived();
  }

  private void arrived() {
    if (arrivals.incrementAndGet() == 2) reader.settled(this);
  }

  /** Completes the future, which can run code of the program. */
  void settle() {
    T value = outcome;
    if (value == null) {
      Throwable error = failure;
      future.completeExceptionally(
          error != null ? error : new DisconnectedException(ErrorCode.DISCONNECTED, "the store was closed first"));
    } else if (!future.complete(value)) {
      closeUnwanted(value);
    }
  }

  private static void closeUnwanted(AutoCloseable value) {
    try {
      value.close();
    } catch (Exception error) {
      throw new AssertionError("the future never handed it out, so nothing uses it", error);
    }
  }

  private void finish() {
    long ended;
    synchronized (this) {
      finished = true;
      ended = operation;
      operation = 0;
    }
    end(ended);
  }

  private void end(long asynchronous) {
    if (asynchronous == 0) return;
    try {
      boolean inTime = (boolean) Native.ASYNC_CANCEL.invokeExact(asynchronous); // false: it has its outcome
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
    Native.run(Native.ASYNC_FREE, asynchronous);
  }
}
