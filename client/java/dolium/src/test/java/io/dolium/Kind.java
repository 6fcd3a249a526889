package io.dolium;

import java.util.function.BooleanSupplier;

/** The two kinds of store, each empty, for tests that run with both. */
enum Kind {
  PROCESS {
    @Override
    ObjectStore open() {
      return InProcessStore.open(64 << 20);
    }
  },
  DAEMON {
    @Override
    ObjectStore open() {
      DoliumClient client = Daemon.shared().connect();
      client.clear();
      return client;
    }
  };

  abstract ObjectStore open();

  static ObjectId id(String name) {
    return ObjectId.fromName(name);
  }

  static byte[] bytes(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  /** For what no event tells of. The time is a bound, not a measure. */
  static void eventually(BooleanSupplier condition) {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) throw new AssertionError("it did not come true");
      Thread.onSpinWait();
      try {
        Thread.sleep(1);
      } catch (InterruptedException error) {
        throw new AssertionError(error);
      }
    }
  }
}
