/**
 * Dolium's store, for Java. Start with {@link io.dolium.DoliumClient}: it connects to a daemon, and has all calls, with
 * {@link io.dolium.ObjectStore}.
 *
 * <p>Objects are read and written in place, in memory that the processes of the host share. A {@link
 * io.dolium.DoliumObject} is one reference: close it. Nothing here crashes the JVM: a use after the close is an {@link
 * java.lang.IllegalStateException}, in every thread, also of segments and buffers that were made before.
 *
 * <p>All calls fail with a {@link io.dolium.DoliumException}, an unchecked exception. A null where none is allowed is a
 * {@link java.lang.NullPointerException}.
 */
package io.dolium;
