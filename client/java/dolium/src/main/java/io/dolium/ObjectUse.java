package io.dolium;

/**
 * One client's use of an object, or of the whole store.
 *
 * @param sessionId the daemon's number of the session
 * @param pid the client's process
 * @param role how it uses the object
 * @param references how many it holds
 * @param bytesHeld in the arena, each object once
 * @param unsealedBytes being written
 * @param leasedBytes part of the unsealed bytes: leased for deferred puts
 * @param originPid the process id in its own PID namespace, as the client stated it; 0: not stated
 * @param command the program's name when the client connected
 * @param name the name that the client chose
 * @param host its own host name, as the client stated it
 * @param pod its environment variable POD_NAME
 */
public record ObjectUse(
    long sessionId,
    int pid,
    UseRole role,
    long references,
    long bytesHeld,
    long unsealedBytes,
    long leasedBytes,
    int originPid,
    String command,
    String name,
    String host,
    String pod) {}
