package io.dolium;

import static io.dolium.Failures.unexpected;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Reading: gets, waits, takes. */
abstract class StoreReads extends StoreHandle {
  private static final int NOT_FOUND = ErrorCode.NOT_FOUND.number();

  StoreReads(long handle) {
    super(handle);
  }

  /**
   * The object, in place. Makes no system call.
   *
   * @param id the object's id
   * @return a reference, which the caller closes
   * @throws ObjectNotFoundException if no sealed object has this id
   */
  public DoliumObject get(ObjectId id) {
    return get(id, 0);
  }

  /**
   * The object, in place. Makes no system call if the object is there; else waits until it is sealed. An interrupt does
   * not end the wait: for that, use {@link ObjectStore#getAsync}.
   *
   * @param id the object's id
   * @param timeout how long to wait; a negative one, as {@link ObjectStore#FOREVER}, waits for ever
   * @return a reference, which the caller closes
   * @throws StoreTimeoutException if the object is not there in time
   */
  public DoliumObject get(ObjectId id, Duration timeout) {
    return get(id, Timeouts.nanos(timeout));
  }

  private DoliumObject get(ObjectId id, long timeout) {
    return new DoliumObject(reference(id, timeout));
  }

  /**
   * The object's bytes, in place, for as long as an arena of the caller is open. With a confined arena this is the cheapest
   * way to read in place; one arena can serve many objects.
   *
   * @param id the object's id
   * @param timeout how long to wait; a negative one waits for ever
   * @param arena the arena whose close releases the object
   * @return a read-only segment
   * @throws ObjectNotFoundException without a timeout, if no sealed object has this id
   * @throws StoreTimeoutException if the object is not there in time
   */
  public MemorySegment get(ObjectId id, Duration timeout, Arena arena) {
    return reference(id, Timeouts.nanos(timeout)).dataIn(arena);
  }

  private ObjectLease reference(ObjectId id, long timeout) {
    lease.enter();
    Scratch scratch = Scratch.take();
    try {
      int code = (int) Native.GET.invokeExact(handle, scratch.id(id), timeout, scratch.object(), scratch.error());
      if (code != 0) throw scratch.failure(code);
      return ObjectLease.filled(scratch);
    } catch (Throwable error) {
      throw unexpected(error);
    } finally {
      scratch.giveBack();
      lease.leave();
    }
  }

  /**
   * A copy of a typed value.
   *
   * @param id the object's id
   * @param codec the type
   * @param <T> the type's class in Java
   * @return the value
   * @throws ObjectNotFoundException if no sealed object has this id
   * @throws TypeMismatchException if the object holds another type
   */
  public <T> T get(ObjectId id, Codec<T> codec) {
    return get(id, codec, Duration.ZERO);
  }

  /**
   * A copy of a typed value, when it is there.
   *
   * @param id the object's id
   * @param codec the type
   * @param timeout how long to wait; a negative one waits for ever
   * @param <T> the type's class in Java
   * @return the value
   * @throws StoreTimeoutException if the object is not there in time
   * @throws TypeMismatchException if the object holds another type
   */
  public <T> T get(ObjectId id, Codec<T> codec, Duration timeout) {
    try (DoliumObject object = get(id, timeout)) {
      return object.get(codec);
    }
  }

  /**
   * A local lookup that never blocks: no system call, no message, no exception. Can miss an object that {@link
   * #get(ObjectId)} would find.
   *
   * @param id the object's id
   * @return a reference, which the caller closes, if the object was found
   */
  public Optional<DoliumObject> tryGet(ObjectId id) {
    lease.enter();
    Scratch scratch = Scratch.take();
    try {
      int code = (int) Native.TRY_GET.invokeExact(handle, scratch.id(id), scratch.object());
      if (code == NOT_FOUND) return Optional.empty();
      if (code != 0) throw DoliumException.of(code, 0, 0, "the local lookup of object " + id + " failed");
      return Optional.of(new DoliumObject(ObjectLease.filled(scratch)));
    } catch (Throwable error) {
      throw unexpected(error);
    } finally {
      scratch.giveBack();
      lease.leave();
    }
  }

  /**
   * Many objects: waits until all are there, or until the deadline. Objects that are missing then are no error.
   *
   * @param ids their ids
   * @param timeout how long to wait; a negative one waits for ever
   * @return a reference for each id, in order, empty where the object is not there; the caller closes them
   */
  public List<Optional<DoliumObject>> getMany(Collection<ObjectId> ids, Duration timeout) {
    return getMany(ids, 0, timeout);
  }

  /**
   * Many objects: waits until so many of them are there, or until the deadline.
   *
   * @param ids their ids
   * @param enough how many must be there; 0: all
   * @param timeout how long to wait; a negative one waits for ever
   * @return a reference for each id, in order, empty where the object is not there; the caller closes them
   */
  public List<Optional<DoliumObject>> getMany(Collection<ObjectId> ids, int enough, Duration timeout) {
    try (Arena arena = Arena.ofConfined()) {
      long size = Structs.OBJECT.size();
      MemorySegment objects = arena.allocate(Math.max(1, size * ids.size()), 8);
      long idsAt = idsIn(arena, ids).address();
      long count = ids.size();
      long nanos = Timeouts.nanos(timeout);
      run(
          scratch ->
              (int)
                  Native.GET_MANY.invokeExact(
                      handle, idsAt, count, (long) enough, nanos, objects.address(), scratch.word(0), scratch.error()));
      return FoundObjects.at(objects, count).objects();
    }
  }

  /**
   * Waits until so many of the objects are there, or until the deadline. Takes no references: an object can be evicted or
   * removed again before it is got.
   *
   * @param ids different ids, at least one
   * @param enough how many must be there; 0: all
   * @param timeout how long to wait; a negative one waits for ever
   * @return which of the objects were there at some moment of the call, in the order of the ids
   */
  public boolean[] waitFor(Collection<ObjectId> ids, int enough, Duration timeout) {
    long nanos = Timeouts.nanos(timeout);
    return presence(
        ids,
        (scratch, at, count, there) ->
            (int)
                Native.WAIT.invokeExact(
                    handle, at, count, (long) enough, nanos, there, scratch.word(0), scratch.error()));
  }

  /**
   * Whether a get would find the object now. Does not count as a hit, a miss or an access.
   *
   * @param id the object's id
   * @return true if the object is there
   */
  public boolean exists(ObjectId id) {
    return ask(
        scratch -> (int) Native.EXISTS.invokeExact(handle, scratch.id(id), scratch.word(0), scratch.error()),
        scratch -> scratch.wordIsTrue(0));
  }

  /**
   * Whether gets would find the objects now.
   *
   * @param ids their ids
   * @return for each id, in order
   */
  public boolean[] exists(Collection<ObjectId> ids) {
    return presence(
        ids,
        (scratch, at, count, there) ->
            (int) Native.EXISTS_MANY.invokeExact(handle, at, count, there, scratch.error()));
  }

  private interface Presence {
    int run(Scratch scratch, long ids, long count, long there) throws Throwable;
  }

  private boolean[] presence(Collection<ObjectId> ids, Presence call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment there = arena.allocate(Math.max(1, ids.size()));
      long at = idsIn(arena, ids).address();
      run(scratch -> call.run(scratch, at, ids.size(), there.address()));
      boolean[] result = new boolean[ids.size()];
      for (int i = 0; i < result.length; ++i) result[i] = there.get(ValueLayout.JAVA_BYTE, i) != 0;
      return result;
    }
  }

  /**
   * Gets an object and removes it, in one step: of several takes of one object exactly one succeeds. Gets that wait for
   * the object are served first. At most once: if this process or the daemon dies in the middle, the object can be lost.
   *
   * @param id the object's id
   * @param timeout how long to wait; a negative one waits for ever
   * @return a reference, which the caller closes
   * @throws ObjectNotFoundException without a timeout, if the object is not there
   * @throws StoreTimeoutException if the object is not there in time
   */
  public DoliumObject take(ObjectId id, Duration timeout) {
    return take(id, 0, Timeouts.nanos(timeout));
  }

  /**
   * Takes a typed value. An object of another type stays in the store.
   *
   * @param id the object's id
   * @param codec the type
   * @param timeout how long to wait; a negative one waits for ever
   * @param <T> the type's class in Java
   * @return the value
   * @throws TypeMismatchException if the object holds another type
   */
  public <T> T take(ObjectId id, Codec<T> codec, Duration timeout) {
    try (DoliumObject object = take(id, codec.tag(), Timeouts.nanos(timeout))) {
      return object.get(codec);
    }
  }

  /**
   * Takes an object of a type. An object of another type stays in the store.
   *
   * @param id the object's id
   * @param typeTag the tag that it must have; 0: any
   * @param timeout how long to wait; a negative one waits for ever
   * @return a reference, which the caller closes
   * @throws TypeMismatchException if the object holds another type
   */
  public DoliumObject take(ObjectId id, long typeTag, Duration timeout) {
    return take(id, typeTag, Timeouts.nanos(timeout));
  }

  private DoliumObject take(ObjectId id, long tag, long timeout) {
    return ask(
        scratch ->
            (int)
                Native.TAKE_TYPED.invokeExact(
                    handle, scratch.id(id), tag, timeout, scratch.object(), scratch.error()),
        scratch -> new DoliumObject(ObjectLease.filled(scratch)));
  }
}
