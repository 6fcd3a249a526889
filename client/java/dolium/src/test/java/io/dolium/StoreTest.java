package io.dolium;

import static io.dolium.Kind.bytes;
import static io.dolium.Kind.id;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The calls of both kinds of store. */
class StoreTest {
  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  @ParameterizedTest
  @EnumSource
  void bytesOfAnySizeComeBack(Kind kind) {
    try (ObjectStore store = kind.open()) {
      for (int size : new int[] {0, 1, 63, 64, 32 * 1024, 32 * 1024 + 1, 5_000_000}) {
        byte[] data = random(size);
        store.put(id("array" + size), data);
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, data);
          store.put(id("segment" + size), segment.asSlice(0, size), CreateOptions.DEFAULT);
        }
        for (String name : List.of("array" + size, "segment" + size)) {
          try (DoliumObject object = store.get(id(name))) {
            assertEquals(size, object.size());
            assertEquals(id(name), object.id());
            assertArrayEquals(data, object.toByteArray());
            assertEquals(-1, object.data().mismatch(MemorySegment.ofArray(data)));
            assertEquals(0, object.data().address() % 64);
            byte[] copy = new byte[size];
            object.byteBuffer().get(copy);
            assertArrayEquals(data, copy);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aBuilderIsWrittenInPlaceAndSealed(Kind kind) throws Exception {
    try (ObjectStore store = kind.open()) {
      try (ObjectBuilder builder = store.create(id("a"), 12)) {
        builder.data().set(ValueLayout.JAVA_INT, 0, 7);
        builder.byteBuffer().putInt(4, 8);
        builder.data().set(ValueLayout.JAVA_INT, 8, 9);
        assertThrows(ObjectNotFoundException.class, () -> store.get(id("a")));
        assertEquals(ErrorCode.NOT_SEALED, assertThrows(DoliumException.class, () -> store.remove(id("a"))).code());
        builder.seal();
      }
      try (DoliumObject object = store.get(id("a"))) {
        assertArrayEquals(new int[] {7, 8, 9}, object.data().toArray(ValueLayout.JAVA_INT));
      }
      try (ObjectBuilder builder = store.create(id("b"), 5)) {
        builder.write(bytes("sa"));
        builder.outputStream().write(bytes("lve"));
        assertThrows(StoreFullException.class, () -> builder.write(bytes("!")));
        assertThrows(java.io.IOException.class, () -> builder.outputStream().write('!'));
        assertEquals(5, builder.written());
        try (DoliumObject held = builder.sealAndGet()) {
          store.remove(id("b"));
          assertArrayEquals(bytes("salve"), held.toByteArray());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aBuilderThatIsClosedWithoutASealIsAborted(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.create(id("a"), 100).close();
      ObjectBuilder again = store.create(id("a"), 100);
      again.data().fill((byte) 1);
      again.close();
      again.close();
      assertEquals(0, store.stats().unsealedCount());
      store.put(id("a"), bytes("x"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void failuresAreExceptionsOfTheirKind(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("x"));
      ObjectExistsException exists = assertThrows(ObjectExistsException.class, () -> store.put(id("a"), bytes("y")));
      assertTrue(exists.getMessage().contains(id("a").toString()), exists.getMessage());
      assertThrows(ObjectExistsException.class, () -> store.create(id("a"), 1));
      assertThrows(ObjectNotFoundException.class, () -> store.get(id("b")));
      assertThrows(StoreTimeoutException.class, () -> store.get(id("b"), Duration.ofMillis(1)));
      assertThrows(ObjectNotFoundException.class, () -> store.pin(id("b")));
      StoreFullException large = assertThrows(StoreFullException.class, () -> store.create(id("b"), 1L << 40));
      assertEquals(ErrorCode.TOO_LARGE, large.code());
      assertEquals(RefusalCause.CAPACITY, large.refusal());
      CreateOptions wrong = CreateOptions.DEFAULT.metadata(new byte[65537]);
      assertThrows(DoliumException.class, () -> store.create(id("b"), 1, wrong));
      assertThrows(NullPointerException.class, () -> store.get(null));
      assertThrows(
          DoliumException.class, () -> store.waitFor(List.of(id("a"), id("a")), 0, Duration.ZERO));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aFullStoreSaysWhyAndWaitsIfItMay(Kind kind) {
    try (ObjectStore store = kind.open();
        ObjectBuilder most = store.create(id("most"), 60 << 20)) {
      assertThrows(StoreFullException.class, () -> store.create(id("more"), 30 << 20));
      CreateOptions patient = CreateOptions.DEFAULT.timeout(Duration.ofMillis(1));
      StoreTimeoutException late =
          assertThrows(StoreTimeoutException.class, () -> store.create(id("more"), 30 << 20, patient));
      assertEquals(RefusalCause.ROOM, late.refusal());
      Refusal refusal = store.lastRefusal().orElseThrow();
      assertEquals(id("more"), refusal.id());
      assertEquals(RefusalCause.ROOM, refusal.cause());
      assertTrue(refusal.obstacles().writingBytes() >= 60 << 20);
      assertEquals(ProcessHandle.current().pid(), refusal.pid());
    }
  }

  @ParameterizedTest
  @EnumSource
  void optionsAreStoredWithTheObject(Kind kind) {
    try (ObjectStore store = kind.open()) {
      CreateOptions options =
          CreateOptions.DEFAULT
              .metadata(bytes("about"))
              .type(42, "acme.Graph")
              .label("epoch-1/größe")
              .timeToLive(Duration.ofMinutes(2))
              .timeToIdle(Duration.ofMinutes(1))
              .grace(Duration.ofSeconds(30), 2)
              .copyThreads(1)
              .pinned();
      try (DoliumObject object = store.putAndGet(id("a"), MemorySegment.ofArray(bytes("data")), options)) {
        assertEquals(42, object.typeTag());
        assertEquals("acme.Graph", object.typeName());
        assertArrayEquals(bytes("about"), object.metadata());
        ObjectInfo info = store.metadata(id("a"));
        assertEquals(ObjectState.SEALED, info.state());
        assertEquals(4, info.dataSize());
        assertEquals(5, info.metadataSize());
        assertEquals("acme.Graph", info.typeName());
        assertEquals("epoch-1/größe", info.label());
        assertEquals(Duration.ofMinutes(2), info.timeToLive());
        assertEquals(Duration.ofMinutes(1), info.timeToIdle());
        assertEquals(kind == Kind.DAEMON ? 2 : 1, info.graceReadersLeft()); // in one process, any get ends it
        assertTrue(info.pinned());
        assertEquals(1, info.refCount());
        assertEquals(ProcessHandle.current().pid(), info.creatorPid());
        assertFalse(info.createdAt().isAfter(info.sealedAt()));
      }
      assertEquals(1, store.list(ObjectFilter.ofLabel("epoch-1/")).size());
      assertEquals(0, store.list(ObjectFilter.ofLabel("epoch-2/")).size());
      assertEquals("a".length(), store.list(new ObjectFilter("", "acme.Graph", ObjectState.SEALED, 0)).size());
      store.unpin(id("a"));
      store.extendGrace(id("a"), Duration.ofMinutes(1), 3);
      assertFalse(store.metadata(id("a")).pinned());
    }
  }

  @ParameterizedTest
  @EnumSource
  void manyObjectsAreGotAndWaitedForAtOnce(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("A"));
      store.put(id("c"), bytes("C"));
      List<ObjectId> ids = List.of(id("a"), id("b"), id("c"));
      List<Optional<DoliumObject>> objects = store.getMany(ids, Duration.ZERO);
      assertArrayEquals(bytes("A"), objects.get(0).orElseThrow().toByteArray());
      assertTrue(objects.get(1).isEmpty());
      assertArrayEquals(bytes("C"), objects.get(2).orElseThrow().toByteArray());
      assertEquals(2, store.stats().inUseCount());
      objects.forEach(each -> each.ifPresent(DoliumObject::close));
      assertEquals(0, store.stats().inUseCount());
      List<Optional<DoliumObject>> enough = store.getMany(ids, 2, ObjectStore.FOREVER);
      assertEquals(2, enough.stream().filter(Optional::isPresent).count());
      enough.forEach(each -> each.ifPresent(DoliumObject::close));
      assertArrayEquals(new boolean[] {true, false, true}, store.waitFor(ids, 2, ObjectStore.FOREVER));
      assertArrayEquals(new boolean[] {true, false, true}, store.waitFor(ids, 3, Duration.ofMillis(1)));
      assertArrayEquals(new boolean[] {true, false, true}, store.exists(ids));
      assertTrue(store.exists(id("a")));
      assertTrue(store.getMany(List.of(), Duration.ZERO).isEmpty());
      assertEquals(0, store.exists(List.of()).length);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aTakeRemovesWhatItGets(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), "text", Codec.UTF8);
      assertThrows(TypeMismatchException.class, () -> store.take(id("a"), Codec.F64, Duration.ZERO));
      assertEquals("text", store.take(id("a"), Codec.UTF8, Duration.ZERO));
      assertThrows(ObjectNotFoundException.class, () -> store.take(id("a"), Duration.ZERO));
      store.put(id("a"), bytes("again"));
      try (DoliumObject object = store.take(id("a"), ObjectStore.FOREVER)) {
        assertFalse(store.exists(id("a")));
        assertArrayEquals(bytes("again"), object.toByteArray());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void tryGetLooksLocally(Kind kind) {
    try (ObjectStore store = kind.open()) {
      assertTrue(store.tryGet(id("a")).isEmpty());
      store.put(id("a"), bytes("A"));
      try (DoliumObject object = store.tryGet(id("a")).orElseThrow()) {
        assertArrayEquals(bytes("A"), object.toByteArray());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void manyPutsReportTheirFailures(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("b"), bytes("old"));
      List<PutItem> items =
          List.of(
              new PutItem(id("a"), bytes("A")),
              new PutItem(id("b"), bytes("B")),
              new PutItem(id("c"), MemorySegment.ofArray(bytes("C")), CreateOptions.DEFAULT.label("see")));
      List<PutFailure> failures = store.putMany(items);
      assertEquals(1, failures.size());
      assertEquals(id("b"), failures.get(0).id());
      assertEquals(1, failures.get(0).index());
      assertEquals(ErrorCode.ALREADY_EXISTS, failures.get(0).error().code());
      assertEquals("see", store.metadata(id("c")).label());
      assertTrue(store.putMany(List.of()).isEmpty());

      store.putDeferred(id("d"), bytes("D"), CreateOptions.DEFAULT);
      store.putDeferred(id("b"), bytes("D"), CreateOptions.DEFAULT);
      store.putDeferred(id("e"), new byte[0], CreateOptions.DEFAULT);
      List<PutFailure> deferred = store.flush();
      assertEquals(List.of(id("b")), deferred.stream().map(PutFailure::id).toList());
      assertTrue(store.flush().isEmpty());
      assertTrue(store.exists(id("d")) && store.exists(id("e")));
    }
  }

  @ParameterizedTest
  @EnumSource
  void typedValuesComeBackAndOtherTypesAreRefused(Kind kind) {
    try (ObjectStore store = kind.open()) {
      double[] large = new Random(1).doubles(100_000).toArray();
      store.put(id("large"), large, Codec.F64_ARRAY);
      assertArrayEquals(large, store.get(id("large"), Codec.F64_ARRAY));
      store.put(id("text"), "grüße, 世界", Codec.UTF8, CreateOptions.DEFAULT.label("words"));
      assertEquals("grüße, 世界", store.get(id("text"), Codec.UTF8));
      assertEquals("utf8", store.metadata(id("text")).typeName());
      store.put(id("words"), List.of("a", "", "salve"), Codec.UTF8_ARRAY);
      assertEquals(List.of("a", "", "salve"), store.get(id("words"), Codec.UTF8_ARRAY));
      assertEquals("utf8[]", store.metadata(id("words")).typeName());
      TypeMismatchException error =
          assertThrows(TypeMismatchException.class, () -> store.get(id("text"), Codec.F64_ARRAY));
      assertTrue(error.getMessage().contains("utf8") && error.getMessage().contains("f64[]"), error.getMessage());
      store.put(id("raw"), bytes("raw"), Codec.BYTES);
      try (DoliumObject object = store.get(id("raw"))) {
        assertEquals(0, object.typeTag());
        assertEquals("", object.typeName());
        object.checkType("bytes");
        assertThrows(TypeMismatchException.class, () -> object.checkType("utf8"));
      }
      assertThrows(IllegalArgumentException.class, () -> store.put(id("half"), "\ud800", Codec.UTF8));
      assertFalse(store.exists(id("half")));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aTicketLeadsToItsObject(Kind kind) {
    try (ObjectStore store = kind.open()) {
      String ticket = store.ticket(id("a"), "f64[]");
      assertThrows(ObjectNotFoundException.class, () -> store.getTicket(ticket, null, Duration.ZERO));
      store.put(id("a"), new double[] {1, 2}, Codec.F64_ARRAY);
      try (DoliumObject object = store.getTicket(ticket, "f64[]", Duration.ZERO)) {
        assertArrayEquals(new double[] {1, 2}, object.get(Codec.F64_ARRAY));
      }
      assertThrows(TypeMismatchException.class, () -> store.getTicket(ticket, "utf8", Duration.ZERO));
      assertEquals(id("a"), Ticket.parse(ticket).id());
      assertEquals("f64[]", Ticket.parse(ticket).typeName());
      assertThrows(DoliumException.class, () -> Ticket.parse("dolium:1:nonsense"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void statisticsCountWhatHappened(Kind kind) {
    try (ObjectStore store = kind.open()) {
      StoreStats before = store.stats();
      store.put(id("a"), new byte[1000]);
      store.put(id("b"), new byte[3000]);
      try (DoliumObject object = store.get(id("a"))) {
        StoreStats stats = store.stats();
        assertEquals(64 << 20, stats.capacity());
        assertEquals(stats.capacity(), stats.usedBytes() + stats.freeBytes());
        assertEquals(2, stats.totalObjects());
        assertEquals(4000, stats.totalSize());
        assertEquals(1, stats.inUseCount());
        assertEquals(2, stats.putCount() - before.putCount());
        assertEquals(2, stats.histogram().stream().mapToLong(HistogramRow::count).sum());
        assertEquals(1000, object.size());
      }
      assertTrue(store.remove(id("a")));
      assertFalse(store.remove(id("a")));
      Evicted evicted = store.evict(64 << 20);
      assertEquals(3000, evicted.objectBytes());
      assertTrue(evicted.freedBytes() >= 3000);
      assertEquals(0, store.stats().totalObjects());
      store.ping();
      assertTrue(store.isConnected());
      assertFalse(store.isReadOnly());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aPrivateCopyIsWritableAndChangesNothingElse(Kind kind) {
    byte[] data = random(100_000);
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), data);
      PrivateCopy copy;
      try (DoliumObject object = store.get(id("a"))) {
        copy = object.privateCopy();
      }
      copy.data().fill((byte) 5);
      store.remove(id("a"));
      assertEquals(5, copy.data().get(ValueLayout.JAVA_BYTE, 99_999));
      copy.close();
      copy.close();
      assertThrows(IllegalStateException.class, () -> copy.data().get(ValueLayout.JAVA_BYTE, 0));
      store.put(id("a"), data);
      try (DoliumObject object = store.get(id("a"))) {
        assertArrayEquals(data, object.toByteArray());
      }
    }
  }
}
