package io.dolium;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/** Keeping objects and letting them go; tickets; the session itself. */
abstract class StoreControl extends StoreWrites {
  private static final int TICKET_SIZE = 848;

  StoreControl(long handle) {
    super(handle);
  }

  /**
   * Keeps the object: it is not evicted and does not expire, until any client calls {@link #unpin}.
   *
   * @param id the object's id
   * @throws ObjectNotFoundException if no object has this id
   */
  public void pin(ObjectId id) {
    run(scratch -> (int) Native.PIN.invokeExact(handle, scratch.id(id), scratch.error()));
  }

  /**
   * Ends a pin. Has no effect on an object that is not pinned.
   *
   * @param id the object's id
   * @throws ObjectNotFoundException if no object has this id
   */
  public void unpin(ObjectId id) {
    run(scratch -> (int) Native.UNPIN.invokeExact(handle, scratch.id(id), scratch.error()));
  }

  /**
   * Keeps the object for readers that are about to come: see {@link CreateOptions#grace(Duration, int)}. Never shortens a
   * grace.
   *
   * @param id the object's id
   * @param duration at most an hour
   * @param readers number of other sessions whose gets end the grace
   * @throws ObjectNotFoundException if no object has this id
   */
  public void extendGrace(ObjectId id, Duration duration, int readers) {
    long nanos = Timeouts.bounded(duration);
    run(scratch -> (int) Native.EXTEND_GRACE.invokeExact(handle, scratch.id(id), nanos, readers, scratch.error()));
  }

  /**
   * Makes the object invisible and its id free at once; its memory becomes free at the last release.
   *
   * @param id the object's id
   * @return whether there was such an object
   * @throws DoliumException {@link ErrorCode#NOT_SEALED} while it is being written
   */
  public boolean remove(ObjectId id) {
    return ask(
        scratch -> (int) Native.REMOVE.invokeExact(handle, scratch.id(id), scratch.word(0), scratch.error()),
        scratch -> scratch.wordIsTrue(0));
  }

  /**
   * Evicts the coldest objects until so many bytes are free, or nothing more can be evicted.
   *
   * @param bytes how many
   * @return what was evicted
   */
  public Evicted evict(long bytes) {
    return ask(
        scratch -> (int) Native.EVICT.invokeExact(handle, bytes, scratch.word(0), scratch.word(1), scratch.error()),
        scratch -> new Evicted(scratch.wordValue(0), scratch.wordValue(1)));
  }

  /**
   * Gives free memory of the store back to the system. New objects take it again, which is slower than memory that is
   * kept. Evict first to give back more.
   *
   * @return how many bytes
   * @throws DoliumException {@link ErrorCode#INVALID_ARGUMENT} for a store that keeps its memory
   */
  public long trim() {
    return ask(
        scratch -> (int) Native.TRIM.invokeExact(handle, scratch.word(0), scratch.error()),
        scratch -> scratch.wordValue(0));
  }

  /** Removes all sealed objects, also pinned ones. Objects that are held stay readable for their holders. */
  public void clear() {
    run(scratch -> (int) Native.CLEAR.invokeExact(handle, scratch.error()));
  }

  /**
   * A reference as text, for another process. It holds nothing: keep the object until it was got. Does not look for the
   * object.
   *
   * @param id the object's id
   * @param typeName its type; {@code "bytes"} for raw bytes
   * @return the ticket
   */
  public String ticket(ObjectId id, String typeName) {
    try (Text name = new Text(typeName);
        Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(TICKET_SIZE);
      run(
          scratch ->
              (int)
                  Native.TICKET.invokeExact(
                      handle, scratch.id(id), name.address(), name.size(), text.address(), (long) TICKET_SIZE,
                      scratch.error()));
      return text.getString(0);
    }
  }

  /**
   * The object of a ticket.
   *
   * @param ticket the text
   * @param typeName the type that it must have; null: any
   * @param timeout how long to wait; a negative one waits for ever
   * @return a reference, which the caller closes
   * @throws TypeMismatchException if the ticket is of another type
   * @throws ObjectNotFoundException if the object is missing
   */
  public DoliumObject getTicket(String ticket, String typeName, Duration timeout) {
    long nanos = Timeouts.nanos(timeout);
    try (Text text = new Text(ticket);
        Text name = new Text(typeName)) {
      return ask(
          scratch ->
              (int)
                  Native.TICKET_GET.invokeExact(
                      handle, text.address(), text.size(), name.address(), name.size(), nanos, scratch.object(),
                      scratch.error()),
          scratch -> new DoliumObject(ObjectLease.filled(scratch)));
    }
  }

  /**
   * Whether the store is there, as far as this process knows. No system call.
   *
   * @return false after the daemon's end
   */
  public boolean isConnected() {
    return ask(scratch -> 0, scratch -> (boolean) Native.CONNECTED.invokeExact(handle));
  }

  /**
   * Whether the daemon granted access for reading only.
   *
   * @return false for an in-process store
   */
  public boolean isReadOnly() {
    return ask(scratch -> 0, scratch -> (boolean) Native.READ_ONLY.invokeExact(handle));
  }

  /** Succeeds while the store is there. Behind a daemon this takes one round trip. */
  public void ping() {
    run(scratch -> (int) Native.PING.invokeExact(handle, scratch.error()));
  }
}
