package io.dolium;

/**
 * Any failure of the store. The message says what happened, to which object, why, and what to do. The subclasses are the
 * failures that programs handle; {@link #code()} tells all of them apart.
 */
public class DoliumException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The kind of failure. */
  private final ErrorCode code;

  /** Why there was no room. */
  private final RefusalCause refusal;

  /** The operating system's number. */
  private final int errorNumber;

  DoliumException(ErrorCode code, RefusalCause refusal, int errorNumber, String message) {
    super(message);
    this.code = code;
    this.refusal = refusal;
    this.errorNumber = errorNumber;
  }

  /** The exception of the class for a dolium_code, with a dolium_cause and an errno, or 0. */
  static DoliumException of(int code, int cause, int errorNumber, String message) {
    ErrorCode known = ErrorCode.of(code);
    RefusalCause refusal = RefusalCause.of(cause);
    return switch (known) {
      case NOT_FOUND -> new ObjectNotFoundException(message);
      case ALREADY_EXISTS -> new ObjectExistsException(message);
      case OUT_OF_MEMORY, TOO_LARGE -> new StoreFullException(known, refusal, message);
      case TIMED_OUT -> new StoreTimeoutException(refusal, message);
      case TYPE_MISMATCH -> new TypeMismatchException(message);
      case DISCONNECTED, PROTOCOL_ERROR -> new DisconnectedException(known, message);
      default -> new DoliumException(known, refusal, errorNumber, message);
    };
  }

  /**
   * The kind of failure.
   *
   * @return never null
   */
  public ErrorCode code() {
    return code;
  }

  /**
   * Why a create or a put found no room.
   *
   * @return {@link RefusalCause#NONE} for all other failures
   */
  public RefusalCause refusal() {
    return refusal;
  }

  /**
   * The operating system's error number.
   *
   * @return the errno of a {@link ErrorCode#SYSTEM_ERROR}; 0: none
   */
  public int errorNumber() {
    return errorNumber;
  }
}
