package io.dolium;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;

/** The codecs of numbers. */
final class ScalarCodecs {
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

  static final Codec<Boolean> BOOL =
      new Scalar<>("bool", 1, 1, bytes -> bytes.get(BYTE, 0) != 0, (bytes, value) -> bytes.set(BYTE, 0, (byte) (value ? 1 : 0))) {
        @Override
        public Boolean decode(MemorySegment bytes) {
          if (bytes.byteSize() == 1 && (bytes.get(BYTE, 0) & 0xfe) != 0) throw Tags.malformed(this, "neither 0 nor 1");
          return super.decode(bytes);
        }
      };
  static final Codec<Byte> I8 = new Scalar<>("i8", 1, 1, b -> b.get(BYTE, 0), (b, value) -> b.set(BYTE, 0, value));
  static final Codec<Byte> U8 = new Scalar<>("u8", 1, 1, b -> b.get(BYTE, 0), (b, value) -> b.set(BYTE, 0, value));
  static final Codec<Short> I16 = new Scalar<>("i16", 2, 2, b -> b.get(SHORT, 0), (b, value) -> b.set(SHORT, 0, value));
  static final Codec<Short> U16 = new Scalar<>("u16", 2, 2, b -> b.get(SHORT, 0), (b, value) -> b.set(SHORT, 0, value));
  static final Codec<Integer> I32 = new Scalar<>("i32", 4, 4, b -> b.get(INT, 0), (b, value) -> b.set(INT, 0, value));
  static final Codec<Integer> U32 = new Scalar<>("u32", 4, 4, b -> b.get(INT, 0), (b, value) -> b.set(INT, 0, value));
  static final Codec<Long> I64 = new Scalar<>("i64", 8, 8, b -> b.get(LONG, 0), (b, value) -> b.set(LONG, 0, value));
  static final Codec<Long> U64 = new Scalar<>("u64", 8, 8, b -> b.get(LONG, 0), (b, value) -> b.set(LONG, 0, value));
  static final Codec<BigInteger> I128 = new Wide("i128", true);
  static final Codec<BigInteger> U128 = new Wide("u128", false);
  static final Codec<Float> F16 =
      new Scalar<>(
          "f16", 2, 2, b -> Float.float16ToFloat(b.get(SHORT, 0)), (b, value) -> b.set(SHORT, 0, Float.floatToFloat16(value)));
  static final Codec<Float> F32 = new Scalar<>("f32", 4, 4, b -> b.get(FLOAT, 0), (b, value) -> b.set(FLOAT, 0, value));
  static final Codec<Double> F64 = new Scalar<>("f64", 8, 8, b -> b.get(DOUBLE, 0), (b, value) -> b.set(DOUBLE, 0, value));
  static final Codec<Complex> C64 =
      new Scalar<>(
          "c64",
          8,
          4,
          b -> new Complex(b.get(FLOAT, 0), b.get(FLOAT, 4)),
          (b, value) -> {
            b.set(FLOAT, 0, (float) value.real());
            b.set(FLOAT, 4, (float) value.imaginary());
          });
  static final Codec<Complex> C128 =
      new Scalar<>(
          "c128",
          16,
          8,
          b -> new Complex(b.get(DOUBLE, 0), b.get(DOUBLE, 8)),
          (b, value) -> {
            b.set(DOUBLE, 0, value.real());
            b.set(DOUBLE, 8, value.imaginary());
          });

  private ScalarCodecs() {}

  private interface Read<T> {
    T from(MemorySegment bytes);
  }

  private interface Write<T> {
    void to(MemorySegment bytes, T value);
  }

  private static class Scalar<T> implements Codec<T> {
    private final String name;
    private final long size;
    private final long alignment;
    private final long tag;
    private final Read<T> read;
    private final Write<T> write;

    Scalar(String name, long size, long alignment, Read<T> read, Write<T> write) {
      this.name = name;
      this.size = size;
      this.alignment = alignment;
      this.read = read;
      this.write = write;
      tag = Tags.hash(name, size);
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public long tag() {
      return tag;
    }

    @Override
    public long alignment() {
      return alignment;
    }

    @Override
    public long fixedSize() {
      return size;
    }

    @Override
    public long size(T value) {
      return size;
    }

    @Override
    public void encode(T value, MemorySegment bytes) {
      write.to(bytes, value);
    }

    @Override
    public T decode(MemorySegment bytes) {
      if (bytes.byteSize() != size) throw Tags.malformed(this, bytes.byteSize() + " bytes, not " + size);
      return read.from(bytes);
    }
  }

  private static final class Wide extends Scalar<BigInteger> {
    private static final BigInteger RANGE = BigInteger.ONE.shiftLeft(128);
    private static final BigInteger HALF = BigInteger.ONE.shiftLeft(127);

    private final BigInteger least;
    private final BigInteger end;

    Wide(String name, boolean signed) {
      super(name, 16, 16, bytes -> read(bytes, signed), Wide::write);
      least = signed ? HALF.negate() : BigInteger.ZERO;
      end = signed ? HALF : RANGE;
    }

    @Override
    public void encode(BigInteger value, MemorySegment bytes) {
      if (value.compareTo(least) < 0 || value.compareTo(end) >= 0) {
        throw new IllegalArgumentException(value + " does not fit into " + name());
      }
      super.encode(value, bytes);
    }

    private static BigInteger read(MemorySegment bytes, boolean signed) {
      byte[] big = new byte[16];
      for (int i = 0; i < 16; ++i) big[15 - i] = bytes.get(BYTE, i);
      return signed ? new BigInteger(big) : new BigInteger(1, big);
    }

    private static void write(MemorySegment bytes, BigInteger value) {
      bytes.set(LONG, 0, value.longValue());
      bytes.set(LONG, 8, value.shiftRight(64).longValue());
    }
  }
}
