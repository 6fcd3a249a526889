package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The thread of a store that waits for outcomes and events, from the first asynchronous call on. It polls the store's
 * descriptor, and completes futures in the order of their outcomes.
 *
 * <p>It counts as a call inside the store as long as it runs, so the store's end waits for it.
 */
final class Reader {
  private static final int DISCONNECTED = ErrorCode.DISCONNECTED.number();
  private static final int EFD_CLOEXEC_NONBLOCK = 02004000;
  private static final short POLLIN = 1;

  private final StoreHandle store;
  private final Queue<Pending<?>> settled = new ConcurrentLinkedQueue<>();
  private final List<Subscription> subscriptions = new CopyOnWriteArrayList<>();

  // Under this object's lock.
  private Thread thread; // null: none runs that would serve another call
  private int alive; // threads that are not at their end
  private int unfinished; // calls and subscriptions that need it
  private int wakeDescriptor = -1;
  private boolean stopping;
  private boolean inProgram; // it runs code of the program, which may do anything

  Reader(StoreHandle store) {
    this.store = store;
  }

  /** One more call or subscription needs the thread. Inside a call of the store. */
  synchronized void need() {
    if (stopping) throw store.lease.closed();
    if (thread == null) start();
    ++unfinished;
  }

  private void start() {
    store.lease.enter();
    try {
      wakeDescriptor = (int) Native.EVENTFD.invokeExact(0, EFD_CLOEXEC_NONBLOCK);
      if (wakeDescriptor < 0) {
        throw DoliumException.of(ErrorCode.SYSTEM_ERROR.number(), 0, 0, "cannot make an eventfd for the reader thread");
      }
      Thread made = new Thread(this::run, "dolium-reader");
      made.setDaemon(true);
      made.start();
      thread = made;
      ++alive;
    } catch (Throwable error) {
      store.lease.leave();
      throw Failures.unexpected(error);
    }
  }

  /** A call is over: its future is completed by the next {@link #deliver()}. In any thread. */
  void settled(Pending<?> pending) {
    settled.add(pending);
  }

  /** Completes the futures of calls that are over. In any thread, outside of all calls of the library. */
  void deliver() {
    for (Pending<?> each = settled.poll(); each != null; each = settled.poll()) {
      synchronized (this) {
        --unfinished;
      }
      each.settle();
    }
  }

  /** Events of this subscription are read from now on. Inside a call of the store. */
  synchronized void need(Subscription subscription) {
    need();
    subscriptions.add(subscription);
  }

  /** A subscription was closed, or has failed. */
  void remove(Subscription subscription) {
    if (!subscriptions.remove(subscription)) return;
    synchronized (this) {
      --unfinished;
    }
  }

  /** Ends the thread, and waits for its end, unless it is in code of the program. */
  void stop() {
    boolean interrupted = false;
    synchronized (this) {
      stopping = true;
      Thread serving = thread;
      if (thread != null) wake();
      while (alive > 0 && serving != Thread.currentThread() && !inProgram) {
        try {
          wait();
        } catch (InterruptedException error) {
          interrupted = true;
        }
      }
    }
    for (Subscription each : subscriptions) each.storeClosed();
    deliver();
    if (interrupted) Thread.currentThread().interrupt();
  }

  private void wake() {
    try (Arena arena = Arena.ofConfined()) {
      long one = arena.allocateFrom(JAVA_LONG, 1).address();
      long written = (long) Native.WRITE.invokeExact(wakeDescriptor, one, 8L); // it cannot fill up
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
  }

  private void run() {
    Scratch scratch = Scratch.take();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment polled = arena.allocate(16, 8); // two pollfd: descriptor, events, revents
      polled.set(JAVA_INT, 0, (int) Native.EVENT_FD.invokeExact(store.handle));
      polled.set(JAVA_SHORT, 4, POLLIN);
      polled.set(JAVA_INT, 8, wakeDescriptor());
      polled.set(JAVA_SHORT, 12, POLLIN);
      int code = 0;
      while (!finished(code)) {
        int ready = (int) Native.POLL.invokeExact(polled.address(), 2L, -1); // a signal: looks for nothing, and again
        code = (int) Native.PROCESS_EVENTS.invokeExact(store.handle, scratch.error());
        for (Subscription each : subscriptions) each.read(scratch);
        runProgram();
      }
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
      store.lease.leave(); // perhaps the end of the store
      ended();
    }
  }

  private synchronized void ended() {
    --alive;
    notifyAll();
  }

  private synchronized int wakeDescriptor() {
    return wakeDescriptor;
  }

  /** Whether the thread ends: then another may be started at once. */
  private synchronized boolean finished(int code) {
    if (!stopping && (code != DISCONNECTED || unfinished > 0)) return false;
    try {
      int closed = (int) Native.CLOSE_DESCRIPTOR.invokeExact(wakeDescriptor);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
    thread = null;
    return true;
  }

  /** Completes futures, and hands out events. A close of the store does not wait for this. */
  void runProgram() {
    inProgram(true);
    try {
      deliver();
      for (Subscription each : subscriptions) each.deliver();
    } finally {
      inProgram(false);
    }
  }

  private synchronized void inProgram(boolean value) {
    inProgram = value;
    notifyAll();
  }
}
