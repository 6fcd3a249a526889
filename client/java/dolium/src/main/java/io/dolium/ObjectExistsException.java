package io.dolium;

/** An object with this id exists, sealed or not. */
public final class ObjectExistsException extends DoliumException {
  private static final long serialVersionUID = 1;

  ObjectExistsException(String message) {
    super(ErrorCode.ALREADY_EXISTS, RefusalCause.NONE, 0, message);
  }
}
