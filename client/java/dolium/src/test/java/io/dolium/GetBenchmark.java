package io.dolium;

import static io.dolium.Kind.id;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.function.LongSupplier;

/** What a get and release of a small object costs. Run by client/java/check --bench. */
final class GetBenchmark {
  private static final int ROUNDS = 9;
  private static final int CALLS = 200_000;

  private GetBenchmark() {}

  public static void main(String[] arguments) {
    try (Daemon daemon = Daemon.start("--capacity", "64MiB");
        DoliumClient client = daemon.connect()) {
      ObjectId id = id("a");
      client.put(id, new byte[1024]);
      report("get and release", () -> {
        try (DoliumObject object = client.get(id)) {
          return object.size();
        }
      });
      report("tryGet and release", () -> {
        try (DoliumObject object = client.tryGet(id).orElseThrow()) {
          return object.size();
        }
      });
      report("get, read in a confined arena, release", () -> {
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment data;
          try (DoliumObject object = client.get(id)) {
            data = object.data(arena);
          }
          return data.get(ValueLayout.JAVA_BYTE, 1023);
        }
      });
      report("get, copy 1 KiB, release", () -> {
        try (DoliumObject object = client.get(id)) {
          return object.toByteArray().length;
        }
      });
      report("get, read with data(), release", () -> {
        try (DoliumObject object = client.get(id)) {
          return object.data().get(ValueLayout.JAVA_BYTE, 1023);
        }
      });
    }
  }

  /** The best round of several: what the call costs on a machine that does something else, too. */
  private static void report(String name, LongSupplier call) {
    double best = Double.MAX_VALUE;
    long sum = 0;
    for (int round = 0; round < ROUNDS; ++round) {
      long begin = System.nanoTime();
      for (int i = 0; i < CALLS; ++i) sum += call.getAsLong();
      best = Math.min(best, (double) (System.nanoTime() - begin) / CALLS);
    }
    System.out.printf(Locale.ROOT, "%-42s %8.0f ns%s%n", name, best, sum == 42 ? " " : "");
  }

}
