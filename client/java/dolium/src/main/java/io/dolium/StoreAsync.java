package io.dolium;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** Calls that do not block, and events. */
abstract class StoreAsync extends StoreReports {
  StoreAsync(long handle) {
    super(handle);
  }

  private interface Begin {
    int run(Scratch scratch, long user) throws Throwable;
  }

  private <T extends AutoCloseable> CompletableFuture<T> begin(ObjectId id, long size, Begin call) {
    Pending<T> pending =
        ask(
            scratch -> {
              reader().need();
              return 0;
            },
            scratch -> {
              Pending<T> made = new Pending<>(reader(), id, size);
              int code = call.run(scratch, made.number());
              if (code != 0) made.failure(scratch.failure(code)); // the library has dropped it
              made.begun(code == 0 ? scratch.wordValue(0) : 0);
              return made;
            });
    CompletableFuture<T> future = pending.future();
    if (future.isDone()) return future;
    reader().deliver(); // if it could not begin
    return future;
  }

  /**
   * {@link ObjectStore#get(ObjectId, Duration)} without blocking. The future completes in the store's reader thread:
   * actions that depend on it must not block, or be asynchronous ({@code thenAcceptAsync}). A cancel of the future cancels
   * the get, in the daemon too. An object that comes after the future's end is closed.
   *
   * @param id the object's id
   * @param timeout how long to wait; a negative one waits for ever
   * @return the reference, which the receiver closes; or a {@link DoliumException}
   */
  public CompletableFuture<DoliumObject> getAsync(ObjectId id, Duration timeout) {
    long nanos = Timeouts.nanos(timeout);
    return begin(
        id,
        0,
        (scratch, user) ->
            (int)
                Native.GET_ASYNC.invokeExact(
                    handle, scratch.id(id), nanos, Callbacks.GOT, user, Callbacks.DROP, scratch.word(0),
                    scratch.error()));
  }

  /**
   * {@link ObjectStore#getMany(Collection, int, Duration)} without blocking, as {@link #getAsync}. Of a store that spills,
   * several objects are got with this, not with several futures: each of those holds its object while the others still wait
   * for room. Objects that come after the future's end are closed.
   *
   * @param ids their ids
   * @param enough how many must be there; 0: all
   * @param timeout how long to wait; a negative one waits for ever
   * @return a reference for each id, in order, empty where the object is not there; the receiver closes them
   */
  public CompletableFuture<List<Optional<DoliumObject>>> getManyAsync(
      Collection<ObjectId> ids, int enough, Duration timeout) {
    long nanos = Timeouts.nanos(timeout);
    long count = ids.size();
    CompletableFuture<List<Optional<DoliumObject>>> result = new CompletableFuture<>();
    try (Arena arena = Arena.ofConfined()) {
      long idsAt = idsIn(arena, ids).address();
      CompletableFuture<FoundObjects> found =
          begin(
              null,
              0,
              (scratch, user) ->
                  (int)
                      Native.GET_MANY_ASYNC.invokeExact(
                          handle, idsAt, count, (long) enough, nanos, Callbacks.GOT_MANY, user, Callbacks.DROP,
                          scratch.word(0), scratch.error()));
      found.whenComplete(
          (objects, error) -> {
            if (error != null) result.completeExceptionally(error);
            else if (!result.complete(objects.objects())) objects.close();
          });
      result.whenComplete((unused, error) -> found.cancel(true)); // no effect if it was the first to end
    }
    return result;
  }

  /**
   * {@link ObjectStore#take(ObjectId, Duration)} without blocking, as {@link #getAsync}. A cancel in time can still remove
   * the object, if it comes at the same moment.
   *
   * @param id the object's id
   * @param timeout how long to wait; a negative one waits for ever
   * @return the reference, which the receiver closes; or a {@link DoliumException}
   */
  public CompletableFuture<DoliumObject> takeAsync(ObjectId id, Duration timeout) {
    long nanos = Timeouts.nanos(timeout);
    return begin(
        id,
        0,
        (scratch, user) ->
            (int)
                Native.TAKE_ASYNC.invokeExact(
                    handle, scratch.id(id), nanos, Callbacks.GOT, user, Callbacks.DROP, scratch.word(0),
                    scratch.error()));
  }

  /**
   * {@link ObjectStore#create(ObjectId, long, CreateOptions)} without blocking, as {@link #getAsync}: waits for room until
   * the options' timeout. A builder that comes after the future's end is closed.
   *
   * @param id the object's id
   * @param size bytes
   * @param options type, metadata, expiry, timeout, ...
   * @return the builder, which the receiver seals or closes; or a {@link DoliumException}
   */
  public CompletableFuture<ObjectBuilder> createAsync(ObjectId id, long size, CreateOptions options) {
    try (Arena arena = Arena.ofConfined()) {
      long optionsAt = options.in(arena);
      return begin(
          id,
          size,
          (scratch, user) ->
              (int)
                  Native.CREATE_ASYNC.invokeExact(
                      handle, scratch.id(id), size, optionsAt, Callbacks.CREATED, user, Callbacks.DROP,
                      scratch.word(0), scratch.error()));
    }
  }

  /**
   * Events from now on, to be read with {@link Subscription#next}. First comes {@link EventKind#SEALED} for each object
   * that is there already.
   *
   * @return the stream, which the caller closes
   */
  public Subscription subscribe() {
    return subscription(null);
  }

  /**
   * Events from now on, for a consumer that runs in the store's reader thread: it must not block, nor throw.
   *
   * @param consumer takes each event
   * @return the stream, which the caller closes; the consumer can be called once more meanwhile
   */
  public Subscription subscribe(Consumer<? super StoreEvent> consumer) {
    return subscription(Objects.requireNonNull(consumer));
  }

  private Subscription subscription(Consumer<? super StoreEvent> consumer) {
    return ask(
        scratch -> (int) Native.SUBSCRIBE.invokeExact(handle, scratch.word(0), scratch.error()),
        scratch -> {
          Subscription made = new Subscription(reader(), scratch.wordValue(0), consumer);
          reader().need(made);
          return made;
        });
  }
}
