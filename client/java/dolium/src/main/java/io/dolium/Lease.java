package io.dolium;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Cleaner;

/**
 * Something of the C library that must be ended exactly once, and never while a call uses it. Calls enter and leave. The
 * end follows at once when the lease is shut, or else with the last call that leaves.
 *
 * <p>If a program forgets the close: the lease is shut when all its owners, which are Java objects, are unreachable.
 */
abstract class Lease {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final VarHandle STATE;
  private static final VarHandle OWNERS;
  private static final int SHUT = 1;
  private static final int USER = 2;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      STATE = lookup.findVarHandle(Lease.class, "state", int.class);
      OWNERS = lookup.findVarHandle(Lease.class, "owners", int.class);
    } catch (ReflectiveOperationException error) {
      throw new ExceptionInInitializerError(error);
    }
  }

  private final String what;
  private volatile int state; // bit 0: shut; above: the number of calls that use it
  private volatile int owners;

  /** `what` names it in errors: "this object". */
  Lease(String what) {
    this.what = what;
  }

  /** Ends it. Called once, in any thread. */
  abstract void end();

  /** Begins a use. IllegalStateException after {@link #shut}. */
  final void enter() {
    int seen = (int) STATE.getAndAdd(this, USER);
    if ((seen & SHUT) != 0) {
      leave();
      throw closed();
    }
  }

  /** Ends a use. */
  final void leave() {
    int seen = (int) STATE.getAndAdd(this, -USER);
    if (seen == (USER | SHUT)) endOnce();
  }

  /** No use can begin from now on. False if that was so before. */
  final boolean shut() {
    int seen = (int) STATE.getAndBitwiseOr(this, SHUT);
    if ((seen & SHUT) != 0) return false;
    if (seen == 0) endOnce();
    return true;
  }

  /** Shuts it without its end, which is now up to the caller. False while a call uses it. */
  final boolean claim() {
    if (!STATE.compareAndSet(this, 0, ENDED)) {
      if (isShut()) throw closed();
      return false;
    }
    return true;
  }

  private static final int ENDED = SHUT | (1 << 30);

  // Of several that leave after the shut, exactly one sets the bit.
  private void endOnce() {
    if (STATE.compareAndSet(this, SHUT, ENDED)) end();
  }

  /** Whether it was shut. */
  final boolean isShut() {
    return (state & SHUT) != 0;
  }

  /** The exception for a use after the end. */
  final IllegalStateException closed() {
    return new IllegalStateException(what + " is closed");
  }

  /** Adds an owner: when all are unreachable, the lease is shut. */
  final Cleaner.Cleanable ownedBy(Object owner) {
    OWNERS.getAndAdd(this, 1);
    return CLEANER.register(owner, this::ownerLost);
  }

  private void ownerLost() {
    if ((int) OWNERS.getAndAdd(this, -1) == 1) shut();
  }
}
