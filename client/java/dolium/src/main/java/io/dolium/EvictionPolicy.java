package io.dolium;

/** Which objects an in-process store evicts first. */
public enum EvictionPolicy {
  /** The least recently used. */
  LRU,
  /** The least frequently used. */
  LFU,
  /** The first sealed. */
  FIFO,
  /** Follows the requests: good on popular sets, scans, loops larger than the store, and sets that change. */
  ADAPTIVE
}
