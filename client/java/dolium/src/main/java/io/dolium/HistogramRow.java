package io.dolium;

/**
 * A row of a histogram: so many objects have at most so many bytes of data, and more than the row before.
 *
 * @param bytes the limit
 * @param count the number of objects
 */
public record HistogramRow(long bytes, long count) {}
