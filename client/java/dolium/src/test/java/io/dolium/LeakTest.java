package io.dolium;

import static io.dolium.Kind.eventually;
import static io.dolium.Kind.id;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** References, descriptors and memory stay the same over 100,000 gets. */
class LeakTest {
  private static final int GETS = 100_000;
  private static final long SLACK_KIB = 24 * 1024; // of the JVM's own; a byte a get would be 100 KiB, an error's text 100 MiB

  @ParameterizedTest
  @EnumSource
  void gets(Kind kind) throws Exception {
    try (ObjectStore store = kind.open()) {
      store.put(id("a"), new byte[100]);
      work(store, GETS);
      System.gc();
      long descriptors = descriptors();
      long resident = residentKib();
      work(store, GETS);
      eventually(() -> store.stats().inUseCount() == 0);
      System.gc();
      assertEquals(0, store.metadata(id("a")).refCount());
      assertEquals(0, store.stats().unsealedCount());
      // The JVM closes some of its own meanwhile.
      long now = descriptors();
      assertTrue(now <= descriptors, () -> now + " descriptors, where " + descriptors + " were open before");
      long grown = residentKib() - resident;
      assertTrue(grown < SLACK_KIB, () -> "the resident memory has grown by " + grown + " KiB");
    }
  }

  private static void work(ObjectStore store, int gets) throws Exception {
    for (int i = 0; i < gets; ++i) {
      try (DoliumObject object = store.get(id("a"))) {
        if (i % 16 == 0) object.data().get(ValueLayout.JAVA_BYTE, 99);
        if (i % 16 == 1) object.toByteArray();
        if (i % 16 == 2) object.retain().close();
        if (i % 16 == 3) {
          try (Arena arena = Arena.ofConfined()) {
            object.data(arena);
          }
        }
      }
      if (i % 100 == 0) others(store);
    }
  }

  private static void others(ObjectStore store) throws Exception {
    try {
      store.get(id("none"));
    } catch (ObjectNotFoundException expected) {
      assertTrue(expected.getMessage().contains("none") || !expected.getMessage().isEmpty());
    }
    store.getAsync(id("a"), ObjectStore.FOREVER).get().close();
    store.getAsync(id("none"), ObjectStore.FOREVER).cancel(true);
    store.create(id("b"), 10).close();
    store.subscribe().close();
    store.metadata(id("a"));
    store.list(ObjectFilter.ALL);
    assertEquals(1, store.getMany(java.util.List.of(id("none")), Duration.ZERO).size());
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  private static long residentKib() throws IOException {
    // Anonymous memory: without the store's pages.
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("RssAnon:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findAny()
        .orElseThrow();
  }
}
