package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * The options of {@link DoliumClient#connect(java.nio.file.Path, ConnectOptions)}. Immutable: each method returns a
 * changed copy.
 */
public final class ConnectOptions {
  /** No option. */
  public static final ConnectOptions DEFAULT = new ConnectOptions(0, "", 0, 0);

  private static final CStruct STRUCT = Structs.CONNECT_OPTIONS;
  private static final int READ_ONLY = 1;
  private static final int NO_RINGS = 2;
  private static final int RECONNECT = 8;

  private final int flags;
  private final String name;
  private final long connectTimeout;
  private final long busyPoll;

  private ConnectOptions(int flags, String name, long connectTimeout, long busyPoll) {
    this.flags = flags;
    this.name = name;
    this.connectTimeout = connectTimeout;
    this.busyPoll = busyPoll;
  }

  /**
   * Calls that change the store fail with {@link ErrorCode#PERMISSION_DENIED}.
   *
   * @return changed options
   */
  public ConnectOptions readOnly() {
    return new ConnectOptions(flags | READ_ONLY, name, connectTimeout, busyPoll);
  }

  /**
   * Exchanges messages through the socket, not through shared memory.
   *
   * @return changed options
   */
  public ConnectOptions withoutRings() {
    return new ConnectOptions(flags | NO_RINGS, name, connectTimeout, busyPoll);
  }

  /**
   * After the end of the daemon, goes on with the next one at this socket. Calls that only read are repeated there.
   *
   * @return changed options
   */
  public ConnectOptions reconnect() {
    return new ConnectOptions(flags | RECONNECT, name, connectTimeout, busyPoll);
  }

  /**
   * A name that {@code dolium clients} shows.
   *
   * @param text the name; empty: the name of the program
   * @return changed options
   */
  public ConnectOptions name(String text) {
    return new ConnectOptions(flags, java.util.Objects.requireNonNull(text), connectTimeout, busyPoll);
  }

  /**
   * How long to wait for a daemon that has not started yet.
   *
   * @param duration zero: 5 s; negative: for ever
   * @return changed options
   */
  public ConnectOptions connectTimeout(Duration duration) {
    return new ConnectOptions(flags, name, Timeouts.nanos(duration), busyPoll);
  }

  /**
   * How long a call busy-polls for its answer before it blocks.
   *
   * @param duration zero: 50 us; negative: block at once
   * @return changed options
   */
  public ConnectOptions busyPoll(Duration duration) {
    return new ConnectOptions(flags, name, connectTimeout, Timeouts.nanos(duration));
  }

  /** Address of a dolium_connect_options. */
  long in(Arena arena) {
    MemorySegment memory = arena.allocate(STRUCT.size(), 8);
    memory.set(JAVA_LONG, STRUCT.offset("struct_size"), STRUCT.size());
    memory.set(JAVA_INT, STRUCT.offset("flags"), flags);
    Text.put(memory, STRUCT, "name", name.isEmpty() ? null : Text.in(arena, name), 1);
    memory.set(JAVA_LONG, STRUCT.offset("connect_timeout_ns"), connectTimeout);
    memory.set(JAVA_LONG, STRUCT.offset("busy_poll_ns"), busyPoll);
    return memory.address();
  }
}
