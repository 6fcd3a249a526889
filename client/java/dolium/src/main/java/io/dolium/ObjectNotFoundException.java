package io.dolium;

/** No sealed object has this id. */
public final class ObjectNotFoundException extends DoliumException {
  private static final long serialVersionUID = 1;

  ObjectNotFoundException(String message) {
    super(ErrorCode.NOT_FOUND, RefusalCause.NONE, 0, message);
  }
}
