package io.dolium;

import java.time.Duration;

/**
 * A client of the store.
 *
 * @param sessionId the daemon's number of the session
 * @param pid the process id in the daemon's PID namespace; 0: not visible there
 * @param uid the user's number
 * @param flags bits; see the methods
 * @param originPid the process id in its own PID namespace, as the client stated it; 0: not stated
 * @param references two of one object count twice
 * @param objectsHeld different objects
 * @param bytesHeld their bytes in the arena, each object once
 * @param unsealedCount objects that it is writing
 * @param unsealedBytes their bytes
 * @param hits gets that found their object
 * @param misses gets that did not
 * @param waitingGets gets that wait for a seal
 * @param waitingCreates creates that wait for room
 * @param unreadBytes of replies and events that it has not read yet
 * @param gracedCount objects that are kept by graces that it gave
 * @param gracedBytes their bytes
 * @param connectedFor how long it has been connected
 * @param oldestUnsealed age of its oldest unsealed object
 * @param longestHeld age of its oldest reference
 * @param command the program's name
 * @param user the user's name, or the number if there is no name
 * @param name the name that the client chose
 * @param host its own host name, as the client stated it
 * @param pod its environment variable POD_NAME
 */
public record ClientInfo(
    long sessionId,
    int pid,
    int uid,
    int flags,
    int originPid,
    long references,
    long objectsHeld,
    long bytesHeld,
    long unsealedCount,
    long unsealedBytes,
    long hits,
    long misses,
    long waitingGets,
    long waitingCreates,
    long unreadBytes,
    long gracedCount,
    long gracedBytes,
    Duration connectedFor,
    Duration oldestUnsealed,
    Duration longestHeld,
    String command,
    String user,
    String name,
    String host,
    String pod) {
  /**
   * Whether it may only read.
   *
   * @return true if so
   */
  public boolean isReadOnly() {
    return (flags & 1) != 0;
  }

  /**
   * Whether the daemon ended this session because it broke the protocol.
   *
   * @return true if so
   */
  public boolean isQuarantined() {
    return (flags & 2) != 0;
  }

  /**
   * Whether it has closed its session, but still holds objects.
   *
   * @return true if so
   */
  public boolean hasLeft() {
    return (flags & 4) != 0;
  }

  /**
   * Whether it was connected to a server that crashed, and has not resumed yet.
   *
   * @return true if so
   */
  public boolean isOrphaned() {
    return (flags & 8) != 0;
  }
}
