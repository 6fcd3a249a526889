package io.dolium;

/** The deadline passed first. */
public final class StoreTimeoutException extends DoliumException {
  private static final long serialVersionUID = 1;

  StoreTimeoutException(RefusalCause refusal, String message) {
    super(ErrorCode.TIMED_OUT, refusal, 0, message);
  }
}
