package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.function.Function;

/**
 * A reference to a sealed object, and its bytes, in place. While it is open, the memory is neither evicted nor reused,
 * even if the object is removed. It stays valid after the store's close and after the daemon's end.
 *
 * <p>Close it in every thread that likes to; any thread may read. After the close, its segments and buffers throw {@link
 * IllegalStateException}. If the program forgets the close, the reference is released some time after this object and all
 * its segments and buffers have become unreachable.
 *
 * <p>The close of an object whose {@link #data()} or {@link #byteBuffer()} was asked for takes tens of microseconds: to
 * end a segment that any thread may read, the JVM stops each of its threads for a moment (as at every close of an {@link
 * Arena#ofShared}). Reads by one thread need none of this, and cost about as much as the get: {@link #read}, {@link
 * #data(Arena)}, {@link ObjectStore#get(ObjectId, java.time.Duration, Arena)}, {@link #get}, {@link #toByteArray()}.
 */
public final class DoliumObject extends Mapped implements AutoCloseable {
  private final ObjectLease object;
  private volatile MemorySegment data;

  DoliumObject(ObjectLease object) {
    super(object);
    this.object = object;
  }

  /**
   * The object's id.
   *
   * @return the id, also after the close
   */
  public ObjectId id() {
    return object.id();
  }

  /**
   * The size of the data.
   *
   * @return bytes, also after the close
   */
  public long size() {
    return object.size();
  }

  /**
   * The tag of the type.
   *
   * @return 0 for raw bytes; also after the close
   */
  public long typeTag() {
    return object.typeTag();
  }

  /**
   * The name that the object's creator gave its type.
   *
   * @return empty for raw bytes
   * @throws IllegalStateException after {@link #close()}
   */
  public String typeName() {
    return object.typeName();
  }

  /**
   * The bytes, in place: read-only memory, aligned to 64 bytes, shared with other processes.
   *
   * @return the same segment each time, which any thread may read until {@link #close()}
   * @throws IllegalStateException after {@link #close()}
   */
  public MemorySegment data() {
    MemorySegment segment = data;
    if (segment == null) return openData();
    if (lease.isShut()) throw lease.closed();
    return segment;
  }

  private synchronized MemorySegment openData() {
    if (data == null) data = segment(object.data(), object.size()).asReadOnly();
    return data;
  }

  /**
   * The bytes, in place, for as long as an arena of the caller is open. The arena then holds a reference of its own, so
   * this object may be closed before. With a confined arena this is the cheapest way to read in place.
   *
   * @param arena the arena whose close releases the reference
   * @return a read-only segment
   * @throws IllegalStateException after {@link #close()}
   */
  public MemorySegment data(Arena arena) {
    return object.retain().dataIn(arena);
  }

  /**
   * Reads the bytes, in place, at the least cost. The segment is for this thread, and ends with the call: do not return
   * it.
   *
   * @param reader what to do with the read-only segment
   * @param <T> what it returns
   * @return what the reader has returned
   * @throws IllegalStateException after {@link #close()}
   */
  public <T> T read(Function<? super MemorySegment, ? extends T> reader) {
    lease.enter();
    try (Arena arena = Arena.ofConfined()) {
      return reader.apply(MemorySegment.ofAddress(object.data()).reinterpret(size(), arena, null).asReadOnly());
    } finally {
      lease.leave();
    }
  }

  /**
   * The bytes as a buffer, in place. Its order is little-endian.
   *
   * @return a new read-only buffer, usable until {@link #close()}
   * @throws UnsupportedOperationException if the object has 2 GiB or more: use {@link #data()}
   * @throws IllegalStateException after {@link #close()}
   */
  public ByteBuffer byteBuffer() {
    if (size() > Integer.MAX_VALUE) {
      throw new UnsupportedOperationException(
          "object " + id() + " has " + size() + " bytes, too many for a ByteBuffer: use data()");
    }
    return data().asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * A copy of the bytes.
   *
   * @return a new array
   * @throws IllegalStateException after {@link #close()}
   * @throws UnsupportedOperationException if the object has 2 GiB or more: use {@link #data()}
   */
  public byte[] toByteArray() {
    return copy(object.data(), size());
  }

  /**
   * What the creator stored beside the data.
   *
   * @return a new array; empty if there is none
   * @throws IllegalStateException after {@link #close()}
   */
  public byte[] metadata() {
    return copy(object.metadata(), object.metadataSize());
  }

  private byte[] copy(long address, long size) {
    lease.enter();
    try {
      return MemorySegment.ofAddress(address).reinterpret(size).toArray(JAVA_BYTE);
    } catch (IllegalStateException error) {
      throw new UnsupportedOperationException(
          "object " + id() + " has " + size + " bytes, too many for an array: use data()", error);
    } finally {
      lease.leave();
    }
  }

  /**
   * The value, as a copy, if the object is of this type.
   *
   * @param codec the type
   * @param <T> the type's class in Java
   * @return the value
   * @throws TypeMismatchException if the object holds another type, or malformed bytes
   * @throws IllegalStateException after {@link #close()}
   */
  public <T> T get(Codec<T> codec) {
    return read( // a codec of a program cannot keep the segment
        bytes -> {
          if (typeTag() != codec.tag()) object.checkType(codec.name());
          return codec.decode(bytes);
        });
  }

  /**
   * Checks that the data are a value of a type.
   *
   * @param typeName the type's name: {@code "f64[]"}; {@code "bytes"} fits every object
   * @throws TypeMismatchException if the object holds another type
   * @throws IllegalStateException after {@link #close()}
   */
  public void checkType(String typeName) {
    object.checkType(Objects.requireNonNull(typeName));
  }

  /**
   * Another reference to the same object, which must be closed too. It costs no message.
   *
   * @return a new reference
   * @throws IllegalStateException after {@link #close()}
   */
  public DoliumObject retain() {
    return new DoliumObject(object.retain());
  }

  /**
   * A writable copy of the data for this process alone. It costs memory only for the pages that are written. It holds a
   * reference of its own, so this object may be closed before.
   *
   * @return the copy
   * @throws DoliumException {@link ErrorCode#OUT_OF_MEMORY}, with the limit of the kernel that refused it
   * @throws IllegalStateException after {@link #close()}
   */
  public PrivateCopy privateCopy() {
    return new PrivateCopy(object.privateCopy(), size());
  }

  /**
   * Whether {@link #close()} was called.
   *
   * @return true after the close
   */
  public boolean isClosed() {
    return lease.isShut();
  }

  /**
   * Releases the reference. Its segments and buffers end now, in all threads. A second close has no effect.
   *
   * @throws IllegalStateException while a native call of another thread uses a segment, for example a write to a file:
   *     the object then stays open
   */
  @Override
  public void close() {
    synchronized (this) {
      if (lease.isShut()) return;
      closeSegments();
      lease.shut();
    }
    forget();
  }

  /** The id, the size and whether it is closed. */
  @Override
  public String toString() {
    return "DoliumObject[" + id() + ", " + size() + " bytes" + (isClosed() ? ", closed]" : "]");
  }
}
