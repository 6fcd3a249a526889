package io.dolium;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;

/**
 * Memory of the library, seen through segments that end with it. An arena is made when a segment is first asked for, so
 * that objects that are only copied cost none: to close a shared arena, the JVM asks all threads.
 *
 * <p>Java's own checks make a use after the close an exception, in every thread. If the program forgets the close, the
 * lease ends when this object and all its segments are unreachable; segments keep the arena's scope reachable.
 */
abstract class Mapped {
  final Lease lease;
  private final Cleaner.Cleanable net;
  private Arena arena; // null: no segment was made yet
  private Cleaner.Cleanable segmentNet;

  Mapped(Lease lease) {
    this.lease = lease;
    net = lease.ownedBy(this);
  }

  /** Memory as a segment that ends with this object. Under this object's lock. */
  final MemorySegment segment(long address, long size) {
    if (lease.isShut()) throw lease.closed();
    if (arena == null) {
      arena = Arena.ofShared();
      segmentNet = lease.ownedBy(arena.scope());
    }
    return MemorySegment.ofAddress(address).reinterpret(size, arena, null);
  }

  /** Ends all segments. IllegalStateException while a native call uses one: then nothing has changed. */
  final void closeSegments() {
    if (arena == null) return;
    try {
      arena.close();
    } catch (IllegalStateException error) {
      if (arena.scope().isAlive()) {
        throw new IllegalStateException("a native call of another thread uses this memory: close it after that call", error);
      }
    }
  }

  /** Ends the nets, when the lease has ended. */
  final void forget() {
    net.clean();
    if (segmentNet != null) segmentNet.clean();
  }
}
