package io.dolium;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A doliumd of the tests. */
final class Daemon implements AutoCloseable {
  private static Daemon shared;

  private final Path folder;
  private final Process process;

  private Daemon(String... arguments) {
    try {
      folder = Files.createTempDirectory("dolium-java-");
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getenv("DOLIUM_BIN"), "doliumd").toString());
      command.addAll(List.of("--socket", socket().toString(), "--log-level", "warning", "--prefault=false"));
      command.addAll(List.of(arguments));
      process = new ProcessBuilder(command).inheritIO().start();
      Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
      // The connect waits until it serves.
      DoliumClient.connect(socket(), ConnectOptions.DEFAULT.connectTimeout(java.time.Duration.ofSeconds(60))).close();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static Daemon start(String... arguments) {
    return new Daemon(arguments);
  }

  /** The daemon that tests share, with 64 MiB. */
  static synchronized Daemon shared() {
    if (shared == null) shared = new Daemon("--capacity", "64MiB", "--quarantine-seconds=0");
    return shared;
  }

  Path socket() {
    return folder.resolve("dolium.sock");
  }

  DoliumClient connect() {
    return DoliumClient.connect(socket());
  }

  /** SIGKILL. */
  void kill() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    waitForEnd();
  }

  private int waitForEnd() {
    try {
      if (!process.waitFor(60, TimeUnit.SECONDS)) throw new AssertionError("doliumd does not end");
      return process.exitValue();
    } catch (InterruptedException error) {
      throw new AssertionError(error);
    }
  }

  @Override
  public void close() {
    boolean ended = !process.isAlive();
    process.destroy();
    int status = waitForEnd();
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(java.io.File::delete);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    if (!ended && status != 0) throw new AssertionError("doliumd ended with status " + status);
  }
}
