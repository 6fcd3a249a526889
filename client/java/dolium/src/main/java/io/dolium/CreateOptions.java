package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Objects;

/**
 * The options of a create or a put: {@code CreateOptions.DEFAULT.label("epoch-1/loss").grace(Duration.ofMinutes(5))}.
 * Immutable: each method returns a changed copy.
 */
public final class CreateOptions {
  /** No option. */
  public static final CreateOptions DEFAULT =
      new CreateOptions(
          false, new byte[0], 0, "", "", Duration.ZERO, Duration.ZERO, Duration.ZERO, 0, Duration.ZERO, 0,
          Retention.STORE_DEFAULT);

  private static final CStruct STRUCT = Structs.CREATE_OPTIONS;
  private static final int PINNED = 1;

  private final boolean pinned;
  private final byte[] metadata;
  private final long typeTag;
  private final String typeName;
  private final String label;
  private final Duration timeToLive;
  private final Duration timeToIdle;
  private final Duration grace;
  private final int graceReaders;
  private final Duration timeout;
  private final int copyThreads;
  private final Retention retention;

  private CreateOptions(
      boolean pinned, byte[] metadata, long typeTag, String typeName, String label, Duration timeToLive,
      Duration timeToIdle, Duration grace, int graceReaders, Duration timeout, int copyThreads,
      Retention retention) {
    this.pinned = pinned;
    this.metadata = metadata;
    this.typeTag = typeTag;
    this.typeName = typeName;
    this.label = label;
    this.timeToLive = timeToLive;
    this.timeToIdle = timeToIdle;
    this.grace = grace;
    this.graceReaders = graceReaders;
    this.timeout = timeout;
    this.copyThreads = copyThreads;
    this.retention = retention;
  }

  /**
   * Pins the object at its seal, so that it can never be evicted before a pin.
   *
   * @return changed options
   */
  public CreateOptions pinned() {
    return new CreateOptions(
        true, metadata, typeTag, typeName, label, timeToLive, timeToIdle, grace, graceReaders, timeout, copyThreads,
        retention);
  }

  /**
   * Bytes to store with the object.
   *
   * @param bytes at most 65536
   * @return changed options
   */
  public CreateOptions metadata(byte[] bytes) {
    return new CreateOptions(
        pinned, bytes.clone(), typeTag, typeName, label, timeToLive, timeToIdle, grace, graceReaders, timeout, copyThreads,
        retention);
  }

  /**
   * The type, for readers that check it. A {@link Codec} sets it.
   *
   * @param tag 0: raw bytes
   * @param name for display; empty: none, but for the types of CODECS.md their name
   * @return changed options
   */
  public CreateOptions type(long tag, String name) {
    return new CreateOptions(
        pinned, metadata, tag, Objects.requireNonNull(name), label, timeToLive, timeToIdle, grace, graceReaders, timeout,
        copyThreads,
        retention);
  }

  /**
   * A name for people and for filters.
   *
   * @param text at most 255 bytes of UTF-8
   * @return changed options
   */
  public CreateOptions label(String text) {
    return new CreateOptions(
        pinned, metadata, typeTag, typeName, Objects.requireNonNull(text), timeToLive, timeToIdle, grace, graceReaders,
        timeout, copyThreads,
        retention);
  }

  /**
   * The object expires this long after its seal.
   *
   * @param duration zero: never
   * @return changed options
   */
  public CreateOptions timeToLive(Duration duration) {
    return new CreateOptions(
        pinned, metadata, typeTag, typeName, label, Objects.requireNonNull(duration), timeToIdle, grace, graceReaders,
        timeout, copyThreads,
        retention);
  }

  /**
   * The object expires after this long without a get.
   *
   * @param duration zero: never
   * @return changed options
   */
  public CreateOptions timeToIdle(Duration duration) {
    return new CreateOptions(
        pinned, metadata, typeTag, typeName, label, timeToLive, Objects.requireNonNull(duration), grace, graceReaders,
        timeout, copyThreads,
        retention);
  }

  /**
   * Keeps the object for readers that are about to come: it is not evicted until another session has got it, or until
   * this time has passed.
   *
   * @param duration at most an hour
   * @return changed options
   */
  public CreateOptions grace(Duration duration) {
    return grace(duration, 1);
  }

  /**
   * Keeps the object for several readers.
   *
   * @param duration at most an hour
   * @param readers number of other sessions whose gets end the grace
   * @return changed options
   */
  public CreateOptions grace(Duration duration, int readers) {
    return new CreateOptions(
        pinned, metadata, typeTag, typeName, label, timeToLive, timeToIdle, Objects.requireNonNull(duration), readers,
        timeout, copyThreads,
        retention);
  }

  /**
   * How long to wait for room when nothing more can be evicted.
   *
   * @param duration zero: do not wait; negative: for ever
   * @return changed options
   */
  public CreateOptions timeout(Duration duration) {
    return new CreateOptions(
        pinned, metadata, typeTag, typeName, label, timeToLive, timeToIdle, grace, graceReaders,
        Objects.requireNonNull(duration), copyThreads,
        retention);
  }

  /**
   * The number of threads that copy a large put from native memory.
   *
   * @param threads 0: one per core, at most 4
   * @return changed options
   */
  public CreateOptions copyThreads(int threads) {
    return new CreateOptions(
        pinned, metadata, typeTag, typeName, label, timeToLive, timeToIdle, grace, graceReaders, timeout, threads,
        retention);
  }

  /**
   * What happens to the object when its memory is needed. A store without a spill directory refuses {@link Retention#KEEP}.
   *
   * @param what to do
   * @return changed options
   */
  public CreateOptions retention(Retention what) {
    return new CreateOptions(
        pinned, metadata, typeTag, typeName, label, timeToLive, timeToIdle, grace, graceReaders, timeout, copyThreads,
        Objects.requireNonNull(what));
  }

  /** The type of a codec, unless its name is that of raw bytes. */
  CreateOptions of(Codec<?> codec) {
    return codec.tag() == 0 ? this : type(codec.tag(), codec.name());
  }

  /** Address of a dolium_create_options; 0 for the default. */
  long in(Arena arena) {
    if (this == DEFAULT) return 0;
    MemorySegment memory = arena.allocate(STRUCT.size(), 8);
    memory.set(JAVA_LONG, STRUCT.offset("struct_size"), STRUCT.size());
    memory.set(JAVA_INT, STRUCT.offset("flags"), pinned ? PINNED : 0);
    memory.set(JAVA_INT, STRUCT.offset("grace_readers"), graceReaders);
    Text.put(memory, STRUCT, "metadata", metadata.length == 0 ? null : arena.allocateFrom(JAVA_BYTE, metadata), 0);
    memory.set(JAVA_LONG, STRUCT.offset("type_tag"), typeTag);
    Text.put(memory, STRUCT, "type_name", typeName.isEmpty() ? null : Text.in(arena, typeName), 1);
    Text.put(memory, STRUCT, "label", label.isEmpty() ? null : Text.in(arena, label), 1);
    memory.set(JAVA_LONG, STRUCT.offset("time_to_live_ns"), Timeouts.bounded(timeToLive));
    memory.set(JAVA_LONG, STRUCT.offset("time_to_idle_ns"), Timeouts.bounded(timeToIdle));
    memory.set(JAVA_LONG, STRUCT.offset("grace_ns"), Timeouts.bounded(grace));
    memory.set(JAVA_LONG, STRUCT.offset("timeout_ns"), Timeouts.nanos(timeout));
    memory.set(JAVA_INT, STRUCT.offset("copy_threads"), copyThreads);
    memory.set(JAVA_INT, STRUCT.offset("retention"), retention.ordinal());
    return memory.address();
  }
}
