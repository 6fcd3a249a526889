package io.dolium;

/**
 * What an evict has done.
 *
 * @param freedBytes bytes that became free
 * @param objectBytes data and metadata of the evicted objects
 */
public record Evicted(long freedBytes, long objectBytes) {}
