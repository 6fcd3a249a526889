package io.dolium;

import static io.dolium.Kind.bytes;
import static io.dolium.Kind.eventually;
import static io.dolium.Kind.id;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A close while another thread uses the object, the builder or the store. */
class RaceTest {
  private static final int SIZE = 1 << 20;

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

  @Test
  void aCloseWhileANativeCallUsesTheBytesIsRefused() throws Exception {
    try (ObjectStore store = Kind.PROCESS.open();
        ExecutorService threads = Executors.newCachedThreadPool()) {
      store.put(id("a"), new byte[SIZE]);
      DoliumObject object = store.get(id("a"));
      ObjectBuilder builder = store.create(id("b"), SIZE);
      Pipe out = Pipe.open(); // too small for the bytes: the write blocks in the kernel, with the segment's memory
      Pipe second = Pipe.open();
      ByteBuffer sealed = object.byteBuffer();
      ByteBuffer unsealed = builder.byteBuffer();
      Future<Integer> write = threads.submit(() -> out.sink().write(sealed));
      Future<Integer> another = threads.submit(() -> second.sink().write(unsealed));
      for (Pipe each : new Pipe[] {out, second}) each.source().read(ByteBuffer.allocateDirect(1)); // the writes have begun
      assertTrue(refused(object::close));
      assertTrue(refused(builder::seal));
      assertFalse(object.isClosed());
      builder.close(); // does not wait: the id is free, the memory is kept until the write has ended
      assertFalse(store.exists(id("b")));
      store.put(id("b"), bytes("b"));

      for (Pipe each : new Pipe[] {out, second}) {
        ByteBuffer drain = ByteBuffer.allocateDirect(SIZE - 1);
        while (drain.hasRemaining()) each.source().read(drain);
      }
      assertEquals(SIZE, write.get());
      assertEquals(SIZE, another.get());
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
}
