package io.dolium;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A connection to a daemon, {@code doliumd}. Its store is in memory that all processes of the host share.
 *
 * <pre>{@code
 * try (DoliumClient client = DoliumClient.connect()) {
 *   ObjectId id = ObjectId.fromName("squares");
 *   client.put(id, new double[] {1, 4, 9}, Codec.F64_ARRAY);
 *   try (DoliumObject object = client.get(id)) {
 *     double nine = object.data().getAtIndex(ValueLayout.JAVA_DOUBLE, 2); // in place, in shared memory
 *   }
 * }
 * }</pre>
 */
public final class DoliumClient extends ObjectStore {
  private static final int PATH_SIZE = 4096;

  private DoliumClient(long handle) {
    super(handle);
  }

  /**
   * Connects to the daemon at the default socket.
   *
   * @return a client, which the caller closes
   * @throws DisconnectedException if no daemon listens there in time
   */
  public static DoliumClient connect() {
    return connect(null, ConnectOptions.DEFAULT);
  }

  /**
   * Connects to the daemon at a socket.
   *
   * @param socket the socket's path
   * @return a client, which the caller closes
   * @throws DisconnectedException if no daemon listens there in time
   */
  public static DoliumClient connect(Path socket) {
    return connect(socket, ConnectOptions.DEFAULT);
  }

  /**
   * Connects to the daemon at a socket.
   *
   * @param socket the socket's path; null: {@link #defaultSocket()}
   * @param options name, timeout, ...
   * @return a client, which the caller closes
   * @throws DisconnectedException if no daemon listens there in time, or if it speaks another protocol version
   * @throws DoliumException {@link ErrorCode#PERMISSION_DENIED} if this user may not connect
   */
  public static DoliumClient connect(Path socket, ConnectOptions options) {
    Scratch scratch = Scratch.take();
    try (Arena arena = Arena.ofConfined();
        Text path = new Text(socket == null ? null : socket.toString())) {
      int code =
          (int)
              Native.CONNECT.invokeExact(
                  path.address(), options.in(arena), scratch.word(0), scratch.error());
      if (code != 0) throw scratch.failure(code);
      return new DoliumClient(scratch.wordValue(0));
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }

  /**
   * The default socket: the first of {@code $DOLIUM_SOCKET}; {@code $XDG_RUNTIME_DIR/dolium.sock}; {@code
   * /run/dolium/dolium.sock} for root; {@code /tmp/dolium-UID/dolium.sock}.
   *
   * @return a path
   */
  public static Path defaultSocket() {
    Scratch scratch = Scratch.take();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(PATH_SIZE);
      int code =
          (int) Native.DEFAULT_SOCKET_PATH.invokeExact(text.address(), (long) PATH_SIZE, scratch.error());
      if (code != 0) throw scratch.failure(code);
      return Path.of(text.getString(0));
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }

  /**
   * The daemon's number of this session, as {@code dolium clients} shows it.
   *
   * @return a number above 0
   */
  public long sessionId() {
    return ask(scratch -> 0, scratch -> (long) Native.SESSION_ID.invokeExact(handle));
  }

  /**
   * How often a client with {@link ConnectOptions#reconnect()} has gone on with another daemon.
   *
   * @return 0 for all others
   */
  public long reconnections() {
    return ask(scratch -> 0, scratch -> (long) Native.RECONNECTIONS.invokeExact(handle));
  }
}
