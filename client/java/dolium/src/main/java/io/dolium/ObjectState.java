package io.dolium;

/** Whether an object can be read. */
public enum ObjectState {
  /** In a filter: any state. In a report: one that this version does not know. */
  ANY,
  /** It is being written. */
  UNSEALED,
  /** It is immutable and visible. */
  SEALED;

  static ObjectState of(int number) {
    return number > 0 && number < values().length ? values()[number] : ANY;
  }
}
