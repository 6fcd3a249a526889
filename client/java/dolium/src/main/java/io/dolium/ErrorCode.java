package io.dolium;

/** The kind of failure of a {@link DoliumException}. A later version can have more. */
public enum ErrorCode {
  /** A code that this version does not know. */
  UNKNOWN(0),
  /** No sealed object has this id. */
  NOT_FOUND(1),
  /** An object with this id exists, sealed or not. */
  ALREADY_EXISTS(2),
  /** The object exists, but is still being written. */
  NOT_SEALED(3),
  /** The builder was sealed or aborted before. */
  ALREADY_SEALED(4),
  /** The store has no room, and nothing more can be evicted. */
  OUT_OF_MEMORY(5),
  /** Larger than the store, a limit or a quota allows. */
  TOO_LARGE(6),
  /** The deadline passed first. */
  TIMED_OUT(7),
  /** The object holds another type than the one asked for. */
  TYPE_MISMATCH(8),
  /** An argument is not valid. */
  INVALID_ARGUMENT(9),
  /** Not allowed for this client or this user. */
  PERMISSION_DENIED(10),
  /** The daemon is gone. */
  DISCONNECTED(11),
  /** The other side speaks another version, or sent an invalid message. */
  PROTOCOL_ERROR(12),
  /** The operating system reported an error. */
  SYSTEM_ERROR(13),
  /** The object is on disk, and the disk does not answer, or failed. */
  TIER_UNAVAILABLE(14);

  private static final ErrorCode[] ALL = values();

  private final int number;

  ErrorCode(int number) {
    this.number = number;
  }

  /**
   * The number of the code in the C interface.
   *
   * @return a dolium_code
   */
  public int number() {
    return number;
  }

  static ErrorCode of(int number) {
    return number > 0 && number < ALL.length ? ALL[number] : UNKNOWN;
  }
}
