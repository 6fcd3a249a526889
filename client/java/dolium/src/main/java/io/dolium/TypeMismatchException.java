package io.dolium;

/** The object holds another type than the one asked for, or malformed bytes. */
public final class TypeMismatchException extends DoliumException {
  private static final long serialVersionUID = 1;

  TypeMismatchException(String message) {
    super(ErrorCode.TYPE_MISMATCH, RefusalCause.NONE, 0, message);
  }
}
