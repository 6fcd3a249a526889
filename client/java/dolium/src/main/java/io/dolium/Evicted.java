package io.dolium;

/**
 * The outcome of an evict.
 *
 * @param freedBytes bytes that became free
 * @param objectBytes data and metadata of the evicted objects
 */
public record Evicted(long freedBytes, long objectBytes) {}
