package io.dolium;

import static io.dolium.Kind.bytes;
import static io.dolium.Kind.eventually;
import static io.dolium.Kind.id;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Futures, and events. */
class AsyncTest {
  private static final Duration MINUTE = Duration.ofMinutes(1);

  private static <T> T got(CompletableFuture<T> future) throws Exception {
    return future.get(60, TimeUnit.SECONDS);
  }

  private static Throwable failure(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> got(future)).getCause();
  }

  @ParameterizedTest
  @EnumSource
  void aGetCompletesAtTheSealAndRunsInTheReaderThread(Kind kind) throws Exception {
    try (ObjectStore store = kind.open()) {
      CompletableFuture<DoliumObject> first = store.getAsync(id("a"), ObjectStore.FOREVER);
      CompletableFuture<String> thread = first.thenApply(object -> Thread.currentThread().getName());
      assertFalse(first.isDone());
      store.put(id("a"), bytes("salve"));
      assertEquals("dolium-reader", got(thread)); // first, because a thread that waits for a future can run its actions
      try (DoliumObject object = got(first)) {
        assertArrayEquals(bytes("salve"), object.toByteArray());
      }
      got(store.getAsync(id("a"), Duration.ZERO)).close();
      assertInstanceOf(ObjectNotFoundException.class, failure(store.getAsync(id("b"), Duration.ZERO)));
      assertInstanceOf(StoreTimeoutException.class, failure(store.getAsync(id("b"), Duration.ofMillis(1))));
      eventually(() -> store.stats().inUseCount() == 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aGetOfSeveralObjectsWaitsForEnough(Kind kind) throws Exception {
    List<ObjectId> ids = List.of(id("first"), id("second"), id("never"));
    try (ObjectStore store = kind.open()) {
      CompletableFuture<List<Optional<DoliumObject>>> waiting = store.getManyAsync(ids, 2, ObjectStore.FOREVER);
      store.put(id("second"), bytes("second"));
      assertFalse(waiting.isDone());
      store.put(id("first"), bytes("first"));
      List<Optional<DoliumObject>> found = got(waiting);
      assertEquals(3, found.size());
      assertArrayEquals(bytes("first"), found.get(0).orElseThrow().toByteArray());
      assertArrayEquals(bytes("second"), found.get(1).orElseThrow().toByteArray());
      assertTrue(found.get(2).isEmpty());
      found.forEach(each -> each.ifPresent(DoliumObject::close));

      assertEquals(
          ErrorCode.INVALID_ARGUMENT,
          assertInstanceOf(DoliumException.class, failure(store.getManyAsync(ids, 4, MINUTE))).code());
      CompletableFuture<List<Optional<DoliumObject>>> cancelled = store.getManyAsync(ids, 0, ObjectStore.FOREVER);
      assertTrue(cancelled.cancel(true));
      eventually(() -> store.stats().waitingGets() == 0 && store.stats().inUseCount() == 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void manyGetsWaitAtOnce(Kind kind) throws Exception {
    try (ObjectStore store = kind.open()) {
      List<CompletableFuture<DoliumObject>> futures = new ArrayList<>();
      for (int i = 0; i < 1000; ++i) futures.add(store.getAsync(id("a" + i), ObjectStore.FOREVER));
      for (int i = 0; i < 1000; ++i) store.put(id("a" + i), bytes("value " + i));
      for (int i = 0; i < 1000; ++i) {
        try (DoliumObject object = got(futures.get(i))) {
          assertArrayEquals(bytes("value " + i), object.toByteArray());
        }
      }
      eventually(() -> store.stats().inUseCount() == 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aFutureThatEndsCancelsItsCall(Kind kind) {
    try (ObjectStore store = kind.open()) {
      CompletableFuture<DoliumObject> cancelled = store.getAsync(id("a"), ObjectStore.FOREVER);
      CompletableFuture<DoliumObject> late =
          store.getAsync(id("a"), ObjectStore.FOREVER).orTimeout(1, TimeUnit.MILLISECONDS);
      CompletableFuture<ObjectBuilder> create =
          store.createAsync(id("b"), 60 << 20, CreateOptions.DEFAULT.timeout(ObjectStore.FOREVER));
      create.cancel(true);
      if (!create.isCancelled()) create.join().close(); // it was faster
      cancelled.cancel(true);
      assertThrows(CancellationException.class, () -> got(cancelled));
      assertInstanceOf(TimeoutException.class, failure(late));
      eventually(() -> store.stats().waitingGets() == 0);
      // A builder that came at the same moment is closed.
      eventually(() -> store.stats().unsealedCount() == 0);
      store.put(id("a"), bytes("x"));
      eventually(() -> store.stats().inUseCount() == 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void anObjectThatComesTooLateIsClosed(Kind kind) {
    try (ObjectStore store = kind.open()) {
      for (int i = 0; i < 200; ++i) {
        CompletableFuture<DoliumObject> future = store.getAsync(id("a"), ObjectStore.FOREVER);
        store.put(id("a"), bytes("x"));
        future.cancel(true);
        if (!future.isCancelled()) future.join().close();
        store.remove(id("a"));
      }
      eventually(() -> store.stats().inUseCount() == 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aTakeAndACreateWait(Kind kind) throws Exception {
    try (ObjectStore store = kind.open()) {
      CompletableFuture<DoliumObject> take = store.takeAsync(id("a"), ObjectStore.FOREVER);
      store.put(id("a"), bytes("salve"));
      try (DoliumObject object = got(take)) {
        assertFalse(store.exists(id("a")));
        assertArrayEquals(bytes("salve"), object.toByteArray());
      }
      ObjectBuilder most = store.create(id("most"), 60 << 20);
      CompletableFuture<ObjectBuilder> create =
          store.createAsync(id("more"), 30 << 20, CreateOptions.DEFAULT.timeout(ObjectStore.FOREVER));
      eventually(() -> store.stats().waitingCreates() == 1);
      most.close();
      try (ObjectBuilder builder = got(create)) {
        assertEquals(id("more"), builder.id());
        assertEquals(30 << 20, builder.size());
        builder.data().fill((byte) 1);
        builder.seal();
      }
      assertInstanceOf(
          ObjectExistsException.class, failure(store.createAsync(id("more"), 1, CreateOptions.DEFAULT)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void actionsOfAFutureMayCallTheStoreAndCloseIt(Kind kind) throws Exception {
    ObjectStore store = kind.open();
    CompletableFuture<Boolean> closed =
        store
            .getAsync(id("a"), ObjectStore.FOREVER)
            .thenCompose(
                object -> {
                  object.close();
                  store.put(id("b"), bytes("b"));
                  return store.getAsync(id("b"), ObjectStore.FOREVER);
                })
            .thenApply(
                object -> {
                  object.close();
                  store.close();
                  return store.isClosed();
                });
    store.put(id("a"), bytes("a"));
    assertTrue(got(closed));
  }

  @ParameterizedTest
  @EnumSource
  void theCloseEndsFutures(Kind kind) {
    ObjectStore store = kind.open();
    List<CompletableFuture<DoliumObject>> futures = new ArrayList<>();
    for (int i = 0; i < 10; ++i) futures.add(store.getAsync(id("never"), ObjectStore.FOREVER));
    store.close();
    for (CompletableFuture<DoliumObject> each : futures) {
      assertInstanceOf(DisconnectedException.class, failure(each));
    }
  }

  @Test
  void theDaemonsEndEndsFuturesAndSubscriptions() throws Exception {
    try (Daemon daemon = Daemon.start("--capacity", "16MiB");
        DoliumClient client = daemon.connect();
        Subscription events = client.subscribe()) {
      CompletableFuture<DoliumObject> future = client.getAsync(id("never"), ObjectStore.FOREVER);
      daemon.kill();
      assertInstanceOf(DisconnectedException.class, failure(future));
      assertThrows(DisconnectedException.class, () -> events.next(MINUTE));
      assertInstanceOf(DisconnectedException.class, failure(client.getAsync(id("never"), ObjectStore.FOREVER)));
      assertThrows(DisconnectedException.class, client::subscribe);
    }
  }

  @ParameterizedTest
  @EnumSource
  void eventsComeInOrder(Kind kind) throws Exception {
    try (ObjectStore store = kind.open()) {
      store.put(id("before"), bytes("1"), CreateOptions.DEFAULT.label("early"));
      try (Subscription events = store.subscribe()) {
        store.put(id("a"), bytes("22"));
        store.remove(id("before"));
        store.clear();
        ObjectId none = id("none");
        StoreEvent early = events.next(MINUTE).orElseThrow();
        assertEquals(
            new StoreEvent(EventKind.SEALED, Removal.NONE, id("before"), "early", 1, 0), early, () -> none.toString());
        assertEquals(
            new StoreEvent(EventKind.SEALED, Removal.NONE, id("a"), "", 2, 0), events.next(MINUTE).orElseThrow());
        assertEquals(Removal.REMOVED, events.next(MINUTE).orElseThrow().removal());
        StoreEvent cleared = events.next(MINUTE).orElseThrow();
        assertEquals(Removal.CLEARED, cleared.removal());
        assertEquals(id("a"), cleared.id());
        assertEquals(Optional.empty(), events.next(Duration.ZERO));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aConsumerGetsEventsUntilItThrows(Kind kind) throws Exception {
    try (ObjectStore store = kind.open()) {
      LinkedBlockingQueue<StoreEvent> events = new LinkedBlockingQueue<>();
      CountDownLatch thrown = new CountDownLatch(1);
      try (Subscription stream =
              store.subscribe(
                  event -> {
                    events.add(event);
                    if (event.id().equals(id("bad"))) {
                      thrown.countDown();
                      throw new IllegalArgumentException("thrown by the test");
                    }
                  })) {
        assertThrows(IllegalStateException.class, () -> stream.next(Duration.ZERO));
        store.put(id("a"), bytes("a"));
        assertEquals(id("a"), events.poll(60, TimeUnit.SECONDS).id());
        store.put(id("bad"), bytes("b"));
        assertTrue(thrown.await(60, TimeUnit.SECONDS));
      }
      got(store.getAsync(id("a"), Duration.ZERO)).close(); // the thread goes on
    }
  }

  @Test
  void theCloseOfASubscriptionWakesItsReader() throws Exception {
    try (ObjectStore store = Kind.PROCESS.open()) {
      Subscription events = store.subscribe();
      CompletableFuture<Optional<StoreEvent>> next = new CompletableFuture<>();
      Thread reader =
          new Thread(
              () -> {
                try {
                  next.complete(events.next(ObjectStore.FOREVER));
                } catch (Throwable error) {
                  next.completeExceptionally(error);
                }
              });
      reader.start();
      eventually(() -> reader.getState() == Thread.State.TIMED_WAITING);
      events.close();
      assertInstanceOf(IllegalStateException.class, failure(next));
    }
  }

  @Test
  void aSlowSubscriberLosesEventsAndIsTold() throws Exception {
    OpenOptions options =
        new OpenOptions(64 << 20, 100_000, EvictionPolicy.LRU, 0, 0, 0, true, false, false);
    try (InProcessStore store = InProcessStore.open(options);
        Subscription events = store.subscribe()) {
      int count = Subscription.CAPACITY + 1000;
      for (int i = 0; i < count; ++i) store.put(id("a" + i), new byte[0]);
      EventKind last = EventKind.UNKNOWN;
      int read = 0;
      for (Optional<StoreEvent> each = events.next(MINUTE); each.isPresent(); each = events.next(Duration.ofMillis(200))) {
        last = each.get().kind();
        if (last == EventKind.OVERFLOW) break;
        ++read;
      }
      assertEquals(EventKind.OVERFLOW, last);
      assertTrue(read < count);
    }
  }
}
