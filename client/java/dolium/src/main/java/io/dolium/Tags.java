package io.dolium;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The tags of types, as CODECS.md defines them. */
final class Tags {
  private static final long START = 0xcbf29ce484222325L;
  private static final long PRIME = 0x100000001b3L;

  private Tags() {}

  /** FNV-1a of 64 bits; never 0. */
  static long hash(byte[] text, long salt) {
    long hash = START ^ salt;
    for (byte each : text) hash = (hash ^ (each & 0xff)) * PRIME;
    return hash == 0 ? 1 : hash;
  }

  static long hash(String text, long salt) {
    return hash(text.getBytes(StandardCharsets.UTF_8), salt);
  }

  static long ofArray(long element) {
    return hash("[]", element);
  }

  /** A tuple, an optional or a map of these parts. */
  static long ofContainer(String kind, long... parts) {
    long salt = 0;
    for (long part : parts) {
      salt = hash(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(part).array(), salt);
    }
    return hash(kind, salt);
  }

  /** The tag of a codec as a part of another type: bytes have one there. */
  static long ofPart(Codec<?> codec) {
    return codec.tag() != 0 ? codec.tag() : hash("bytes", 0);
  }

  static TypeMismatchException malformed(Codec<?> codec, String why) {
    return new TypeMismatchException("the bytes are no value of type " + codec.name() + ": " + why);
  }
}
