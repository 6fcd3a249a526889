package io.dolium;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
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

  private Daemon(Path folder, String... arguments) {
    this.folder = folder;
    try {
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
    return new Daemon(newFolder(), arguments);
  }

  /** The same, with a spill tier. */
  static Daemon startWithSpill(String... arguments) {
    Path folder = newFolder();
    Path disk = folder.resolve("spill");
    try {
      Files.createDirectory(disk, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("--spill-directory=" + disk);
    return new Daemon(folder, all.toArray(new String[0]));
  }

  /** Another one at the same socket, after the kill. */
  Daemon startNext(String... arguments) {
    return new Daemon(folder, arguments);
  }

  private static Path newFolder() {
    try {
      return Files.createTempDirectory("dolium-java-");
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** The daemon that tests share, with 64 MiB. */
  static synchronized Daemon shared() {
    if (shared == null) shared = start("--capacity", "64MiB", "--quarantine-seconds=0");
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
    List<ProcessHandle> servers = process.descendants().toList();
    process.destroyForcibly(); // first the keeper, which would start another server
    waitForEnd();
    servers.forEach(ProcessHandle::destroyForcibly);
    for (ProcessHandle each : servers) each.onExit().join();
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
    if (!Files.exists(folder)) return; // the next one at this socket has removed it
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(java.io.File::delete);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    if (!ended && status != 0) throw new AssertionError("doliumd ended with status " + status);
  }
}
