package io.dolium;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A type that all languages share, and its bytes: see CODECS.md. {@code store.put(id, new double[] {1, 2}, Codec.F64_ARRAY)}
 * stores what C++ reads as a {@code std::vector<double>}, and Python as a numpy array.
 *
 * <p>A program may implement it for a type of its own, with a name that has a dot or begins with an upper-case letter, and
 * the tag {@link TypeNames#tagOf}. The segments are valid during the call only.
 *
 * <p>Unsigned numbers have Java's type of the same width, with the same bits: read them with methods like {@link
 * Integer#toUnsignedLong}. Half-precision numbers are {@code float}. Complex numbers in arrays are pairs of numbers: real,
 * imaginary.
 *
 * @param <T> the type's class in Java
 */
public interface Codec<T> {
  /** {@code bool}. */
  Codec<Boolean> BOOL = ScalarCodecs.BOOL;

  /** {@code i8}. */
  Codec<Byte> I8 = ScalarCodecs.I8;

  /** {@code u8}, with the bits of an {@code i8}. */
  Codec<Byte> U8 = ScalarCodecs.U8;

  /** {@code i16}. */
  Codec<Short> I16 = ScalarCodecs.I16;

  /** {@code u16}, with the bits of an {@code i16}. */
  Codec<Short> U16 = ScalarCodecs.U16;

  /** {@code i32}. */
  Codec<Integer> I32 = ScalarCodecs.I32;

  /** {@code u32}, with the bits of an {@code i32}. */
  Codec<Integer> U32 = ScalarCodecs.U32;

  /** {@code i64}. */
  Codec<Long> I64 = ScalarCodecs.I64;

  /** {@code u64}, with the bits of an {@code i64}. */
  Codec<Long> U64 = ScalarCodecs.U64;

  /** {@code i128}. */
  Codec<BigInteger> I128 = ScalarCodecs.I128;

  /** {@code u128}. */
  Codec<BigInteger> U128 = ScalarCodecs.U128;

  /** {@code f16}. */
  Codec<Float> F16 = ScalarCodecs.F16;

  /** {@code f32}. */
  Codec<Float> F32 = ScalarCodecs.F32;

  /** {@code f64}. */
  Codec<Double> F64 = ScalarCodecs.F64;

  /** {@code c64}. */
  Codec<Complex> C64 = ScalarCodecs.C64;

  /** {@code c128}. */
  Codec<Complex> C128 = ScalarCodecs.C128;

  /** {@code bool[]}. */
  Codec<boolean[]> BOOL_ARRAY = ArrayCodecs.BOOL;

  /** {@code i8[]}. */
  Codec<byte[]> I8_ARRAY = ArrayCodecs.I8;

  /** {@code u8[]}, with the bits of {@code i8[]}. */
  Codec<byte[]> U8_ARRAY = ArrayCodecs.U8;

  /** {@code i16[]}. */
  Codec<short[]> I16_ARRAY = ArrayCodecs.I16;

  /** {@code u16[]}, with the bits of {@code i16[]}. */
  Codec<short[]> U16_ARRAY = ArrayCodecs.U16;

  /** {@code i32[]}. */
  Codec<int[]> I32_ARRAY = ArrayCodecs.I32;

  /** {@code u32[]}, with the bits of {@code i32[]}. */
  Codec<int[]> U32_ARRAY = ArrayCodecs.U32;

  /** {@code i64[]}. */
  Codec<long[]> I64_ARRAY = ArrayCodecs.I64;

  /** {@code u64[]}, with the bits of {@code i64[]}. */
  Codec<long[]> U64_ARRAY = ArrayCodecs.U64;

  /** {@code f32[]}. */
  Codec<float[]> F32_ARRAY = ArrayCodecs.F32;

  /** {@code f64[]}. */
  Codec<double[]> F64_ARRAY = ArrayCodecs.F64;

  /** {@code c64[]}: pairs of numbers. */
  Codec<float[]> C64_ARRAY = ArrayCodecs.C64;

  /** {@code c128[]}: pairs of numbers. */
  Codec<double[]> C128_ARRAY = ArrayCodecs.C128;

  /** {@code f16[]}. */
  Codec<float[]> F16_ARRAY = ArrayCodecs.F16;

  /** {@code utf8}. Bytes that are not UTF-8 are refused. */
  Codec<String> UTF8 = TextCodecs.UTF8;

  /** {@code bytes}: as a whole object raw bytes, without a type. */
  Codec<byte[]> BYTES = TextCodecs.BYTES;

  /** {@code utf8[]}. */
  Codec<List<String>> UTF8_ARRAY = arrayOf(UTF8);

  /**
   * {@code T[]}: an array of any type, as a list.
   *
   * @param element the codec of the elements
   * @param <E> their class in Java
   * @return the codec of lists
   */
  static <E> Codec<List<E>> arrayOf(Codec<E> element) {
    return new ListCodec<>(element);
  }

  /**
   * {@code optional<T>}.
   *
   * @param value the codec of the value
   * @param <E> its class in Java
   * @return the codec of optionals
   */
  static <E> Codec<Optional<E>> optionalOf(Codec<E> value) {
    return new OptionalCodec<>(value);
  }

  /**
   * {@code tuple<T,U,...>}: as a list with one value for each part.
   *
   * @param parts the codecs of the parts, at least one
   * @return the codec of tuples
   */
  static Codec<List<Object>> tupleOf(Codec<?>... parts) {
    return new TupleCodec(List.of(parts));
  }

  /**
   * {@code map<K,V>}. Decoded maps keep the order of the bytes.
   *
   * @param key the codec of the keys
   * @param value the codec of the values
   * @param <K> the keys' class in Java
   * @param <V> the values' class in Java
   * @return the codec of maps
   */
  static <K, V> Codec<Map<K, V>> mapOf(Codec<K> key, Codec<V> value) {
    return new MapCodec<>(key, value);
  }

  /**
   * The codec of a type of CODECS.md: {@code "map<utf8,f64[]>"}. Arrays of numbers are Java's arrays; of 128 bits, and of
   * other types, lists.
   *
   * @param typeName the type's name
   * @return the codec
   * @throws IllegalArgumentException if the name is not one of CODECS.md
   */
  static Codec<?> named(String typeName) {
    return new CodecNames(typeName).whole();
  }

  /**
   * The type's name.
   *
   * @return {@code "f64[]"}
   */
  String name();

  /**
   * The type's tag, which is stored with each object and compared by each typed get.
   *
   * @return 0 for raw bytes
   */
  long tag();

  /**
   * The type's alignment. An object begins at a multiple of 64.
   *
   * @return bytes
   */
  long alignment();

  /**
   * The size of all values of the type, as a part of others.
   *
   * @return bytes; 0 if values have different sizes
   */
  long fixedSize();

  /**
   * The size of a value.
   *
   * @param value the value
   * @return bytes
   */
  long size(T value);

  /**
   * Writes a value.
   *
   * @param value the value
   * @param bytes as many as its size; all are written, gaps as zeros
   */
  void encode(T value, MemorySegment bytes);

  /**
   * Reads a value. The bytes can be anything.
   *
   * @param bytes all bytes of the value
   * @return a copy
   * @throws TypeMismatchException if they are malformed
   */
  T decode(MemorySegment bytes);
}
