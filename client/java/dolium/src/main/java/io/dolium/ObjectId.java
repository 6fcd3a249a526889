package io.dolium;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** The 20 bytes that identify an object. A value. The order is that of the bytes. */
public final class ObjectId implements Comparable<ObjectId> {
  /** Number of bytes of an id. */
  public static final int SIZE = 20;

  private static final HexFormat HEX = HexFormat.of();

  // The bytes in memory order, as little-endian numbers.
  private final long first;
  private final long second;
  private final int third;

  private ObjectId(long first, long second, int third) {
    this.first = first;
    this.second = second;
    this.third = third;
  }

  /**
   * 160 bits from the operating system's generator; never repeats in practice.
   *
   * @return a new id
   */
  public static ObjectId random() {
    return filled(scratch -> (int) Native.ID_RANDOM.invokeExact(scratch.id(), scratch.error()));
  }

  /**
   * The same id for the same name, in every language, on every host and in every release. The hash is not cryptographic:
   * do not use it for names that an attacker chooses.
   *
   * @param name any text
   * @return the id
   */
  public static ObjectId fromName(String name) {
    try (Text text = new Text(java.util.Objects.requireNonNull(name))) {
      return filled(
          scratch ->
              (int) Native.ID_FROM_NAME.invokeExact(text.address(), text.size(), scratch.id(), scratch.error()));
    }
  }

  /**
   * Reads what {@link #toString()} writes.
   *
   * @param hex 40 hexadecimal digits of either case
   * @return the id
   * @throws IllegalArgumentException if it is anything else
   */
  public static ObjectId parse(String hex) {
    if (hex.length() != 2 * SIZE) {
      throw new IllegalArgumentException("an id has 40 hexadecimal digits, and this has " + hex.length() + " characters");
    }
    return of(HEX.parseHex(hex));
  }

  /**
   * An id of given bytes.
   *
   * @param bytes 20 bytes
   * @return the id
   * @throws IllegalArgumentException if they are not 20
   */
  public static ObjectId of(byte[] bytes) {
    if (bytes.length != SIZE) throw new IllegalArgumentException("an id has 20 bytes, and these are " + bytes.length);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    return new ObjectId(buffer.getLong(), buffer.getLong(), buffer.getInt());
  }

  /** Of the bytes in memory order, as little-endian numbers. */
  static ObjectId ofWords(long first, long second, int third) {
    return new ObjectId(first, second, third);
  }

  private interface Fill {
    int run(Scratch scratch) throws Throwable;
  }

  private static ObjectId filled(Fill fill) {
    Scratch scratch = Scratch.take();
    try {
      int code = fill.run(scratch);
      if (code != 0) throw scratch.failure(code);
      return scratch.filledId();
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }

  /**
   * The bytes.
   *
   * @return a new array of 20 bytes
   */
  public byte[] toBytes() {
    return ByteBuffer.allocate(SIZE)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(first)
        .putLong(second)
        .putInt(third)
        .array();
  }

  /** Bytes 0 to 7, little-endian. */
  long first() {
    return first;
  }

  /** Bytes 8 to 15, little-endian. */
  long second() {
    return second;
  }

  /** Bytes 16 to 19, little-endian. */
  int third() {
    return third;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ObjectId id && first == id.first && second == id.second && third == id.third;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(first) * 31 + Long.hashCode(second) * 7 + third;
  }

  @Override
  public int compareTo(ObjectId other) {
    int order = Long.compareUnsigned(Long.reverseBytes(first), Long.reverseBytes(other.first));
    if (order == 0) order = Long.compareUnsigned(Long.reverseBytes(second), Long.reverseBytes(other.second));
    if (order == 0) order = Integer.compareUnsigned(Integer.reverseBytes(third), Integer.reverseBytes(other.third));
    return order;
  }

  /** The 40 hexadecimal digits, lower case. */
  @Override
  public String toString() {
    return HEX.formatHex(toBytes());
  }
}
