package io.dolium;

import static io.dolium.Kind.bytes;
import static io.dolium.Kind.eventually;
import static io.dolium.Kind.id;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A use after the close is an exception. Objects that a program forgets to close are released. */
class LifetimeTest {
  private static final int SIZE = 1 << 20;

  @ParameterizedTest
  @EnumSource
  void aClosedObjectRefusesEveryUse(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("salve"));
      DoliumObject object = store.get(id("a"));
      MemorySegment data = object.data();
      MemorySegment slice = data.asSlice(1, 2);
      ByteBuffer buffer = object.byteBuffer();
      object.close();
      object.close();
      assertTrue(object.isClosed());
      assertThrows(IllegalStateException.class, () -> data.get(ValueLayout.JAVA_BYTE, 0));
      assertThrows(IllegalStateException.class, () -> slice.get(ValueLayout.JAVA_BYTE, 0));
      assertThrows(IllegalStateException.class, () -> buffer.get(0));
      assertThrows(IllegalStateException.class, object::data);
      assertThrows(IllegalStateException.class, object::byteBuffer);
      assertThrows(IllegalStateException.class, object::toByteArray);
      assertThrows(IllegalStateException.class, object::metadata);
      assertThrows(IllegalStateException.class, object::typeName);
      assertThrows(IllegalStateException.class, object::retain);
      assertThrows(IllegalStateException.class, object::privateCopy);
      assertThrows(IllegalStateException.class, () -> object.get(Codec.UTF8));
      assertThrows(IllegalStateException.class, () -> object.read(MemorySegment::byteSize));
      assertThrows(IllegalStateException.class, () -> object.checkType("bytes"));
      assertThrows(IllegalStateException.class, () -> object.data(Arena.ofAuto()));
      assertEquals(id("a"), object.id());
      assertEquals(5, object.size());
      assertEquals(0, store.stats().inUseCount());
    }
  }

  @ParameterizedTest
  @EnumSource
  void dataAreReadOnly(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("salve"));
      try (DoliumObject object = store.get(id("a"));
          Arena arena = Arena.ofConfined()) {
        assertThrows(IllegalArgumentException.class, () -> object.data().set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        assertThrows(IllegalArgumentException.class, () -> object.data(arena).set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        assertThrows(java.nio.ReadOnlyBufferException.class, () -> object.byteBuffer().put((byte) 1));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aReadIsInPlaceAndItsSegmentEndsWithIt(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("salve"));
      DoliumObject object = store.get(id("a"));
      MemorySegment data = object.data();
      AtomicReference<MemorySegment> kept = new AtomicReference<>();
      int last =
          object.read(
              bytes -> {
                kept.set(bytes);
                assertEquals(data.address(), bytes.address());
                assertThrows(IllegalArgumentException.class, () -> bytes.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
                return (int) bytes.get(ValueLayout.JAVA_BYTE, 4);
              });
      assertEquals('e', last);
      assertThrows(IllegalStateException.class, () -> kept.get().get(ValueLayout.JAVA_BYTE, 0));
      byte first =
          object.read(
              bytes -> {
                object.close(); // the reference ends with the read
                assertEquals(1, store.metadata(id("a")).refCount());
                return bytes.get(ValueLayout.JAVA_BYTE, 0);
              });
      assertEquals('s', first);
      assertEquals(0, store.metadata(id("a")).refCount());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aSealedOrAbortedBuilderRefusesEveryUse(Kind kind) {
    try (ObjectStore store = kind.open()) {
      for (boolean seal : new boolean[] {true, false}) {
        ObjectBuilder builder = store.create(id("builder" + seal), 8);
        MemorySegment data = builder.data();
        ByteBuffer buffer = builder.byteBuffer();
        data.set(ValueLayout.JAVA_LONG, 0, 7);
        if (seal) builder.seal();
        builder.close();
        assertThrows(IllegalStateException.class, () -> data.set(ValueLayout.JAVA_LONG, 0, 8));
        assertThrows(IllegalStateException.class, () -> buffer.putLong(0, 8));
        assertThrows(IllegalStateException.class, builder::data);
        assertThrows(IllegalStateException.class, builder::byteBuffer);
        assertThrows(IllegalStateException.class, () -> builder.write(new byte[1]));
        assertThrows(IllegalStateException.class, builder::seal);
        assertThrows(IllegalStateException.class, builder::sealAndGet);
      }
      assertFalse(store.exists(id("builderfalse")));
      try (DoliumObject object = store.get(id("buildertrue"))) {
        assertEquals(7, object.data().get(ValueLayout.JAVA_LONG, 0));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aClosedStoreRefusesEveryCallAndItsObjectsStay(Kind kind) {
    ObjectStore store = kind.open();
    store.put(id("a"), bytes("salve"));
    DoliumObject object = store.get(id("a"));
    ObjectBuilder builder = store.create(id("b"), 5);
    Subscription events = store.subscribe();
    store.close();
    store.close();
    assertTrue(store.isClosed());
    assertThrows(IllegalStateException.class, () -> store.get(id("a")));
    assertThrows(IllegalStateException.class, () -> store.tryGet(id("a")));
    assertThrows(IllegalStateException.class, () -> store.put(id("c"), bytes("c")));
    assertThrows(IllegalStateException.class, () -> store.getAsync(id("a"), Duration.ZERO));
    assertThrows(IllegalStateException.class, store::subscribe);
    assertThrows(IllegalStateException.class, store::stats);
    assertThrows(IllegalStateException.class, store::isConnected);
    events.close();
    assertThrows(IllegalStateException.class, () -> events.next(Duration.ZERO));
    assertArrayEquals(bytes("salve"), object.toByteArray());
    builder.write(bytes("later"));
    builder.seal();
    try (DoliumObject retained = object.retain()) {
      object.close();
      assertArrayEquals(bytes("salve"), retained.toByteArray());
    }
  }

  @ParameterizedTest
  @EnumSource
  void referencesOfOneObjectEndOneByOne(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("salve"));
      DoliumObject first = store.get(id("a"));
      DoliumObject second = first.retain();
      Arena arena = Arena.ofConfined();
      MemorySegment third = second.data(arena);
      assertEquals(3, store.metadata(id("a")).refCount());
      first.close();
      second.close();
      assertEquals(1, store.metadata(id("a")).refCount());
      store.remove(id("a"));
      assertEquals('s', third.get(ValueLayout.JAVA_BYTE, 0));
      arena.close();
      assertThrows(IllegalStateException.class, () -> third.get(ValueLayout.JAVA_BYTE, 0));
      assertEquals(0, store.stats().retiredCount());
    }
  }

  @ParameterizedTest
  @EnumSource
  void anArenaHoldsWhatWasGotIntoIt(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("salve"));
      Arena arena = Arena.ofConfined();
      MemorySegment first = store.get(id("a"), Duration.ZERO, arena);
      MemorySegment second = store.get(id("a"), ObjectStore.FOREVER, arena);
      assertEquals(2, store.metadata(id("a")).refCount());
      assertTrue(first.isReadOnly());
      assertEquals(-1, first.mismatch(second));
      assertThrows(ObjectNotFoundException.class, () -> store.get(id("b"), Duration.ZERO, arena));
      arena.close();
      assertThrows(IllegalStateException.class, () -> first.get(ValueLayout.JAVA_BYTE, 0));
      assertThrows(IllegalStateException.class, () -> store.get(id("a"), Duration.ZERO, arena));
      assertEquals(0, store.metadata(id("a")).refCount());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aCodecOfAProgramCannotKeepItsSegment(Kind kind) {
    AtomicReference<MemorySegment> kept = new AtomicReference<>();
    Codec<Long> codec = new KeepingCodec(kept);
    try (ObjectStore store = kind.open()) {
      for (long value : new long[] {7, SIZE}) { // as many bytes: a message, or written in place
        store.put(id("a"), value, codec);
        assertEquals("test.Keeping", store.metadata(id("a")).typeName());
        assertThrows(IllegalStateException.class, () -> kept.get().set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        assertEquals(value, store.get(id("a"), codec));
        assertThrows(IllegalStateException.class, () -> kept.get().get(ValueLayout.JAVA_BYTE, 0));
        assertThrows(TypeMismatchException.class, () -> store.get(id("a"), Codec.UTF8));
        store.remove(id("a"));
      }
    }
  }

  private record KeepingCodec(AtomicReference<MemorySegment> kept) implements Codec<Long> {
    @Override
    public String name() {
      return "test.Keeping";
    }

    @Override
    public long tag() {
      return TypeNames.tagOf(name());
    }

    @Override
    public long alignment() {
      return 1;
    }

    @Override
    public long fixedSize() {
      return 0;
    }

    @Override
    public long size(Long value) {
      return value;
    }

    @Override
    public void encode(Long value, MemorySegment bytes) {
      kept.set(bytes.fill((byte) 0));
    }

    @Override
    public Long decode(MemorySegment bytes) {
      assertTrue(bytes.isReadOnly());
      kept.set(bytes);
      return bytes.byteSize();
    }
  }

  @ParameterizedTest
  @EnumSource
  void forgottenObjectsAreReleasedWhenTheyAreUnreachable(Kind kind) {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), bytes("salve"));
      for (int i = 0; i < 100; ++i) forget(store, i);
      store.create(id("forgotten"), 10);
      assertTrue(collected(store, 0));
      eventually(() -> collect() && store.stats().unsealedCount() == 0);
      MemorySegment data = store.get(id("a")).data(); // holds the object, which nothing else does
      assertTrue(collected(store, 1));
      assertEquals('s', data.get(ValueLayout.JAVA_BYTE, 0));
      assertEquals(1, store.metadata(id("a")).refCount());
      ByteBuffer buffer = data.asByteBuffer();
      data = null;
      assertTrue(collected(store, 1));
      assertEquals('s', buffer.get(0));
      assertEquals(1, store.metadata(id("a")).refCount());
      buffer = null;
      assertTrue(collected(store, 0));
    }
  }

  private static void forget(ObjectStore store, int number) {
    DoliumObject object = store.get(id("a"));
    if (number % 2 == 0) assertEquals('s', object.data().get(ValueLayout.JAVA_BYTE, 0));
  }

  private static boolean collect() {
    System.gc();
    return true;
  }

  private static boolean collected(ObjectStore store, long left) {
    eventually(() -> collect() && store.metadata(id("a")).refCount() == left);
    return true;
  }
}
