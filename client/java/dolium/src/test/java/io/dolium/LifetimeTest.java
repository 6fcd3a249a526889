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
import java.nio.channels.Pipe;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A use after the close is an exception, in every thread; and what a program forgets to close ends. */
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
      assertThrows(IllegalStateException.class, object::retain);
      assertThrows(IllegalStateException.class, object::privateCopy);
      assertThrows(IllegalStateException.class, () -> object.get(Codec.UTF8));
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
  void aCloseWhileAnotherThreadReadsIsAnExceptionThere(Kind kind) throws Exception {
    try (ObjectStore store = kind.open();
        ExecutorService threads = Executors.newCachedThreadPool()) {
      store.put(id("a"), new byte[SIZE]);
      for (int round = 0; round < 200; ++round) {
        DoliumObject object = store.get(id("a"));
        AtomicReference<Long> begun = new AtomicReference<>();
        boolean copies = round % 2 == 0;
        Future<IllegalStateException> reader =
            threads.submit(
                () -> {
                  try {
                    for (long sum = 0; ; begun.set(sum)) {
                      sum += copies ? object.toByteArray().length : sum(object.data());
                    }
                  } catch (IllegalStateException closed) {
                    return closed;
                  }
                });
        while (begun.get() == null) Thread.onSpinWait();
        object.close();
        reader.get();
      }
      eventually(() -> store.stats().inUseCount() == 0);
    }
  }

  private static long sum(MemorySegment data) {
    long sum = 0;
    for (long at = 0; at < data.byteSize(); at += 4096) sum += 1 + data.get(ValueLayout.JAVA_BYTE, at);
    return sum;
  }

  @ParameterizedTest
  @EnumSource
  void aSealWhileAnotherThreadWritesIsAnExceptionThere(Kind kind) throws Exception {
    try (ObjectStore store = kind.open();
        ExecutorService threads = Executors.newCachedThreadPool()) {
      for (int round = 0; round < 100; ++round) {
        ObjectBuilder builder = store.create(id("a" + round), 4096);
        MemorySegment data = builder.data();
        AtomicReference<Boolean> begun = new AtomicReference<>();
        Future<?> writer =
            threads.submit(
                () ->
                    assertThrows(
                        IllegalStateException.class,
                        () -> {
                          for (long i = 0; ; ++i, begun.set(true)) data.set(ValueLayout.JAVA_LONG, i % 512 * 8, i);
                        }));
        while (begun.get() == null) Thread.onSpinWait();
        try (DoliumObject object = builder.sealAndGet()) {
          byte[] sealed = object.toByteArray();
          writer.get();
          assertArrayEquals(sealed, object.toByteArray());
        }
        store.remove(id("a" + round));
      }
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

  @Test
  void aCloseWhileANativeCallUsesTheBytesIsRefused() throws Exception {
    try (ObjectStore store = Kind.PROCESS.open();
        ExecutorService threads = Executors.newCachedThreadPool()) {
      store.put(id("a"), new byte[SIZE]);
      DoliumObject object = store.get(id("a"));
      ObjectBuilder builder = store.create(id("b"), SIZE);
      Pipe out = Pipe.open(); // too small for the bytes: the write blocks in the kernel, with the segment's memory
      Pipe in = Pipe.open();
      ByteBuffer reads = object.byteBuffer();
      ByteBuffer writes = builder.byteBuffer();
      Future<Integer> write = threads.submit(() -> out.sink().write(reads));
      Future<Integer> read = threads.submit(() -> in.source().read(writes));
      eventually(() -> refused(object::close));
      eventually(() -> refused(builder::seal));
      assertFalse(object.isClosed());
      builder.close(); // does not wait: the id is free, the memory is kept until the read has ended
      assertFalse(store.exists(id("b")));
      store.put(id("b"), bytes("b"));

      in.sink().write(ByteBuffer.wrap(bytes("salve")));
      assertEquals(5, read.get());
      ByteBuffer drain = ByteBuffer.allocateDirect(SIZE);
      while (drain.hasRemaining()) out.source().read(drain);
      assertEquals(SIZE, write.get());
      object.close();
      assertEquals(0, store.stats().inUseCount());
    }
  }

  private static boolean refused(Runnable close) {
    try {
      close.run();
      throw new AssertionError("it was not in use yet, and is closed now");
    } catch (IllegalStateException error) {
      return error.getMessage().contains("native call");
    }
  }

  @ParameterizedTest
  @EnumSource
  void aStoreIsClosedWhileOthersCallIt(Kind kind) throws Exception {
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      for (int round = 0; round < 20; ++round) {
        ObjectStore store = kind.open();
        store.put(id("a"), bytes("salve"));
        AtomicReference<Boolean> begun = new AtomicReference<>();
        Future<?> caller =
            threads.submit(
                () ->
                    assertThrows(
                        IllegalStateException.class,
                        () -> {
                          for (; ; begun.set(true)) {
                            store.get(id("a")).close();
                            store.exists(id("b"));
                          }
                        }));
        while (begun.get() == null) Thread.onSpinWait();
        store.close();
        caller.get();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aWaitThatIsUnderWayAtTheCloseGoesOn(Kind kind) throws Exception {
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      ObjectStore store = kind.open();
      ObjectBuilder builder = store.create(id("late"), 5);
      builder.write(bytes("salve"));
      Future<byte[]> waiter =
          threads.submit(
              () -> {
                try (DoliumObject object = store.get(id("late"), ObjectStore.FOREVER)) {
                  return object.toByteArray();
                }
              });
      eventually(() -> store.stats().waitingGets() == 1);
      store.close();
      builder.seal();
      assertArrayEquals(bytes("salve"), waiter.get());
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
