package io.dolium;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An object that is being written, in the store's memory. It is invisible to others until {@link #seal()}, and immutable
 * afterwards.
 *
 * <p>After the seal or the close, its segments and buffers throw {@link IllegalStateException}, in all threads: no other
 * object can be changed by mistake. A builder that is closed without a seal is aborted. If the program forgets the close,
 * the builder is aborted some time after it and its segments have become unreachable.
 */
public final class ObjectBuilder extends Mapped implements AutoCloseable {
  private final long handle;
  private final ObjectId id;
  private final long size;
  private final long address;
  private MemorySegment data; // null: not asked for yet
  private long written;
  private boolean ended; // sealed, aborted or closed

  ObjectBuilder(long handle, ObjectId id, long size) {
    super(new BuilderLease(handle));
    this.handle = handle;
    this.id = id;
    this.size = size;
    try {
      address = (long) Native.BUILDER_DATA.invokeExact(handle);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
  }

  /**
   * The id that the object will have.
   *
   * @return the id
   */
  public ObjectId id() {
    return id;
  }

  /**
   * The size of the object's data.
   *
   * @return bytes
   */
  public long size() {
    return size;
  }

  /**
   * The bytes, writable, aligned to 64 bytes. Their content is unspecified until they are written.
   *
   * @return the same segment each time, which any thread may write to until the seal or the close
   * @throws IllegalStateException after the seal or the close
   */
  public synchronized MemorySegment data() {
    requireOpen();
    if (data == null) data = segment(address, size);
    return data;
  }

  /**
   * The bytes as a buffer. Its order is little-endian.
   *
   * @return a new buffer, usable until the seal or the close
   * @throws UnsupportedOperationException if the object has 2 GiB or more: use {@link #data()}
   * @throws IllegalStateException after the seal or the close
   */
  public ByteBuffer byteBuffer() {
    if (size > Integer.MAX_VALUE) {
      throw new UnsupportedOperationException(
          "object " + id + " has " + size + " bytes, too many for a ByteBuffer: use data()");
    }
    return data().asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Appends bytes to those that were written with this method.
   *
   * @param bytes any segment
   * @throws StoreFullException {@link ErrorCode#TOO_LARGE} if they do not fit; then nothing is written
   * @throws IllegalStateException after the seal or the close
   */
  public synchronized void write(MemorySegment bytes) {
    requireOpen();
    if (bytes.byteSize() > size - written) {
      throw new StoreFullException(
          ErrorCode.TOO_LARGE,
          RefusalCause.NONE,
          bytes.byteSize() + " bytes do not fit into object " + id + ": " + written + " of " + size + " are written");
    }
    // Under this object's lock, which the seal and the close take: the memory is there.
    MemorySegment.copy(bytes, 0, MemorySegment.ofAddress(address).reinterpret(size), written, bytes.byteSize());
    written += bytes.byteSize();
  }

  /**
   * Appends bytes to those that were written with {@link #write(MemorySegment)}.
   *
   * @param bytes an array
   * @throws StoreFullException {@link ErrorCode#TOO_LARGE} if they do not fit; then nothing is written
   */
  public void write(byte[] bytes) {
    write(MemorySegment.ofArray(bytes));
  }

  /**
   * Number of bytes that the write methods have written.
   *
   * @return bytes
   */
  public synchronized long written() {
    return written;
  }

  /**
   * A stream that appends as {@link #write(byte[])} does. Its close does not seal the object.
   *
   * @return a new stream, which throws an IOException where the bytes do not fit
   */
  public OutputStream outputStream() {
    return new OutputStream() {
      @Override
      public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
          ObjectBuilder.this.write(MemorySegment.ofArray(bytes).asSlice(offset, length));
        } catch (StoreFullException error) {
          throw new IOException(error.getMessage(), error);
        }
      }
    };
  }

  /** Writes a value with a codec. */
  synchronized <T> void encode(Codec<T> codec, T value) {
    requireOpen();
    try (Arena arena = Arena.ofConfined()) { // a codec of a program cannot keep the segment
      codec.encode(value, MemorySegment.ofAddress(address).reinterpret(size, arena, null));
    }
  }

  private void requireOpen() {
    if (ended) throw lease.closed();
  }

  /**
   * Makes the object immutable and visible, and wakes gets that wait for it. Bytes that were not written stay
   * unspecified. Ends the builder, also when it fails with a {@link DoliumException}.
   *
   * @throws IllegalStateException after the seal or the close; or while a native call of another thread uses the segment:
   *     the builder then stays open
   */
  public void seal() {
    seal(scratch -> (int) Native.BUILDER_SEAL.invokeExact(handle, 0L, scratch.error()), scratch -> null);
  }

  /**
   * {@link #seal()}, with a reference that is taken before the object can be evicted or removed.
   *
   * @return a reference, which the caller closes
   */
  public DoliumObject sealAndGet() {
    return seal(
        scratch -> (int) Native.BUILDER_SEAL.invokeExact(handle, scratch.object(), scratch.error()),
        scratch -> new DoliumObject(ObjectLease.filled(scratch)));
  }

  private synchronized <T> T seal(StoreHandle.Call call, StoreHandle.Result<T> result) {
    requireOpen();
    closeSegments();
    ended = true;
    if (!lease.claim()) throw new AssertionError("a builder is only used under its lock");
    forget();
    Scratch scratch = Scratch.take();
    try {
      int code = call.run(scratch);
      if (code != 0) throw scratch.failure(code);
      return result.of(scratch);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }

  /**
   * Aborts the object, unless it was sealed: its id is free at once, and so is its memory. If a native call of another
   * thread still uses the segment (a read from a file into it), the memory stays until that call has ended and the
   * garbage collector has found the builder. A second close has no effect.
   */
  @Override
  public synchronized void close() {
    if (ended) return;
    ended = true;
    try {
      closeSegments();
    } catch (IllegalStateException inUse) {
      keepMemory();
      return;
    }
    lease.shut();
    forget();
  }

  // The nets of Mapped end the builder, when no segment can be used any more.
  private void keepMemory() {
    Scratch scratch = Scratch.take();
    try {
      int code = (int) Native.BUILDER_ABORT_AND_KEEP.invokeExact(handle, scratch.error());
      if (code != 0) throw scratch.failure(code);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }

  private static final class BuilderLease extends Lease {
    private final long handle;

    BuilderLease(long handle) {
      super("this builder");
      this.handle = handle;
    }

    @Override
    void end() {
      try {
        int ignored = (int) Native.BUILDER_ABORT.invokeExact(handle, 0L); // it fails only if the daemon is gone
      } catch (Throwable error) {
        throw Failures.unexpected(error);
      }
    }
  }
}
