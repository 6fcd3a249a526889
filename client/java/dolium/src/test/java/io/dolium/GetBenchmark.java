package io.dolium;

import static io.dolium.Kind.id;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.function.ToLongFunction;

/**
 * What a get and release of a small object costs: 10,000 objects of 1 KiB in random order, as in tests/bench/get_hit.cc.
 * Run by client/java/check --bench.
 */
final class GetBenchmark {
  private static final int ROUNDS = 300; // short ones: some are not interrupted, even on a busy machine
  private static final int CALLS = 10_000;
  private static final int OBJECTS = 10_000;
  private static final int BYTES = 1024;

  private GetBenchmark() {}

  public static void main(String[] arguments) {
    try (Daemon daemon = Daemon.start("--capacity", "64MiB");
        DoliumClient writer = daemon.connect();
        DoliumClient client = daemon.connect()) {
      ObjectId[] objects = new ObjectId[OBJECTS];
      for (int i = 0; i < OBJECTS; ++i) writer.put(objects[i] = id("object " + i), new byte[BYTES]);
      ObjectId[] ids = new Random(1).ints(CALLS, 0, OBJECTS).mapToObj(i -> objects[i]).toArray(ObjectId[]::new);
      measure(client, ids);
    }
  }

  private static void measure(DoliumClient client, ObjectId[] ids) {
    report("get and release", ids, id -> {
      try (DoliumObject object = client.get(id)) {
        return object.size();
      }
    });
    report("tryGet and release", ids, id -> {
      try (DoliumObject object = client.tryGet(id).orElseThrow()) {
        return object.size();
      }
    });
    report("get, read in a confined arena, release", ids, id -> {
      try (Arena arena = Arena.ofConfined()) {
        return client.get(id, Duration.ZERO, arena).get(ValueLayout.JAVA_BYTE, BYTES - 1);
      }
    });
    report("get, read() one byte, release", ids, id -> {
      try (DoliumObject object = client.get(id)) {
        return object.read(bytes -> (int) bytes.get(ValueLayout.JAVA_BYTE, BYTES - 1));
      }
    });
    report("get, copy 1 KiB, release", ids, id -> {
      try (DoliumObject object = client.get(id)) {
        return object.toByteArray().length;
      }
    });
    ObjectId[] fewer = Arrays.copyOf(ids, 50); // data() stops all threads of the JVM
    report("get, read with data(), release", fewer, id -> {
      try (DoliumObject object = client.get(id)) {
        return object.data().get(ValueLayout.JAVA_BYTE, BYTES - 1);
      }
    });
  }

  /** The best round of several: what the call costs on a machine that does something else, too. */
  private static void report(String name, ObjectId[] ids, ToLongFunction<ObjectId> call) {
    double best = Double.MAX_VALUE;
    long sum = 0;
    for (int round = 0; round < ROUNDS; ++round) {
      long begin = System.nanoTime();
      for (ObjectId id : ids) sum += call.applyAsLong(id);
      best = Math.min(best, (double) (System.nanoTime() - begin) / ids.length);
    }
    System.out.printf(Locale.ROOT, "%-42s %8.0f ns%s%n", name, best, sum == 42 ? " " : "");
  }

}
