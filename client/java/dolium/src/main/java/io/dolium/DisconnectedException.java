package io.dolium;

/** The daemon is gone, or speaks another protocol version. */
public final class DisconnectedException extends DoliumException {
  private static final long serialVersionUID = 1;

  DisconnectedException(ErrorCode code, String message) {
    super(code, RefusalCause.NONE, 0, message);
  }
}
