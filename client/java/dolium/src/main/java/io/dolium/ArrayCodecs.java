package io.dolium;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/** The codecs of arrays of numbers, as Java's own arrays. */
final class ArrayCodecs {
  static final Codec<boolean[]> BOOL = new Booleans();
  static final Codec<byte[]> I8 = bytes(ScalarCodecs.I8);
  static final Codec<byte[]> U8 = bytes(ScalarCodecs.U8);
  static final Codec<short[]> I16 = shorts(ScalarCodecs.I16);
  static final Codec<short[]> U16 = shorts(ScalarCodecs.U16);
  static final Codec<int[]> I32 = ints(ScalarCodecs.I32);
  static final Codec<int[]> U32 = ints(ScalarCodecs.U32);
  static final Codec<long[]> I64 = longs(ScalarCodecs.I64);
  static final Codec<long[]> U64 = longs(ScalarCodecs.U64);
  static final Codec<float[]> F16 = new Halves();
  static final Codec<float[]> F32 = floats(ScalarCodecs.F32);
  static final Codec<double[]> F64 = doubles(ScalarCodecs.F64);
  static final Codec<float[]> C64 = floats(ScalarCodecs.C64);
  static final Codec<double[]> C128 = doubles(ScalarCodecs.C128);

  private ArrayCodecs() {}

  private static Codec<byte[]> bytes(Codec<?> element) {
    return new Numbers<>(
        element, 1, a -> a.length, MemorySegment::ofArray, b -> b.toArray(ValueLayout.JAVA_BYTE));
  }

  private static Codec<short[]> shorts(Codec<?> element) {
    return new Numbers<>(element, 2, a -> a.length, MemorySegment::ofArray, b -> b.toArray(ScalarCodecs.SHORT));
  }

  private static Codec<int[]> ints(Codec<?> element) {
    return new Numbers<>(element, 4, a -> a.length, MemorySegment::ofArray, b -> b.toArray(ScalarCodecs.INT));
  }

  private static Codec<long[]> longs(Codec<?> element) {
    return new Numbers<>(element, 8, a -> a.length, MemorySegment::ofArray, b -> b.toArray(ScalarCodecs.LONG));
  }

  private static Codec<float[]> floats(Codec<?> element) {
    return new Numbers<>(element, 4, a -> a.length, MemorySegment::ofArray, b -> b.toArray(ScalarCodecs.FLOAT));
  }

  private static Codec<double[]> doubles(Codec<?> element) {
    return new Numbers<>(element, 8, a -> a.length, MemorySegment::ofArray, b -> b.toArray(ScalarCodecs.DOUBLE));
  }

  /** An array of Java's own, whose elements have a fixed size. */
  private abstract static class OfNumbers<A> extends ArrayCodec<A> {
    OfNumbers(Codec<?> element) {
      super(element);
    }

    /** The number of elements. */
    final int length(MemorySegment bytes) {
      long length = count(bytes);
      if (length > Integer.MAX_VALUE - 8) {
        throw new UnsupportedOperationException(length + " elements are too many for an array: use DoliumObject.data()");
      }
      return (int) length;
    }
  }

  /** Java's platforms that have this library are little-endian, so the bytes are those of the array. */
  private static final class Numbers<A> extends OfNumbers<A> {
    private final long width; // of a Java element: half of the type's for complex numbers
    private final ToIntFunction<A> length;
    private final Function<A, MemorySegment> segment;
    private final Function<MemorySegment, A> array;

    Numbers(
        Codec<?> element, long width, ToIntFunction<A> length, Function<A, MemorySegment> segment,
        Function<MemorySegment, A> array) {
      super(element);
      this.width = width;
      this.length = length;
      this.segment = segment;
      this.array = array;
    }

    @Override
    public long size(A value) {
      return width * length.applyAsInt(value);
    }

    @Override
    public void encode(A value, MemorySegment bytes) {
      bytes.copyFrom(segment.apply(value));
    }

    @Override
    public A decode(MemorySegment bytes) {
      length(bytes);
      return array.apply(bytes);
    }
  }

  private static final class Booleans extends OfNumbers<boolean[]> {
    Booleans() {
      super(ScalarCodecs.BOOL);
    }

    @Override
    public long size(boolean[] value) {
      return value.length;
    }

    @Override
    public void encode(boolean[] value, MemorySegment bytes) {
      for (int i = 0; i < value.length; ++i) bytes.set(ScalarCodecs.BYTE, i, (byte) (value[i] ? 1 : 0));
    }

    @Override
    public boolean[] decode(MemorySegment bytes) {
      boolean[] value = new boolean[length(bytes)];
      for (int i = 0; i < value.length; ++i) value[i] = ScalarCodecs.BOOL.decode(bytes.asSlice(i, 1));
      return value;
    }
  }

  private static final class Halves extends OfNumbers<float[]> {
    Halves() {
      super(ScalarCodecs.F16);
    }

    @Override
    public long size(float[] value) {
      return 2L * value.length;
    }

    @Override
    public void encode(float[] value, MemorySegment bytes) {
      for (int i = 0; i < value.length; ++i) bytes.set(ScalarCodecs.SHORT, 2L * i, Float.floatToFloat16(value[i]));
    }

    @Override
    public float[] decode(MemorySegment bytes) {
      float[] value = new float[length(bytes)];
      for (int i = 0; i < value.length; ++i) value[i] = Float.float16ToFloat(bytes.get(ScalarCodecs.SHORT, 2L * i));
      return value;
    }
  }
}
