package io.dolium;

/** There is no room, or the object can never fit: see {@link #code()} and {@link #refusal()}. */
public final class StoreFullException extends DoliumException {
  private static final long serialVersionUID = 1;

  StoreFullException(ErrorCode code, RefusalCause refusal, String message) {
    super(code, refusal, 0, message);
  }
}
