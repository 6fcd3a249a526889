package io.dolium;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** The codecs of text and of raw bytes. */
final class TextCodecs {
  static final Codec<String> UTF8 = new Utf8();
  static final Codec<byte[]> BYTES = new Bytes();

  private TextCodecs() {}

  private abstract static class Plain<T> implements Codec<T> {
    @Override
    public long alignment() {
      return 1;
    }

    @Override
    public long fixedSize() {
      return 0;
    }
  }

  private static final class Utf8 extends Plain<String> {
    private final long tag = Tags.hash("utf8", 0);

    @Override
    public String name() {
      return "utf8";
    }

    @Override
    public long tag() {
      return tag;
    }

    @Override
    public long size(String value) {
      return encoded(value).remaining();
    }

    @Override
    public void encode(String value, MemorySegment bytes) {
      bytes.copyFrom(MemorySegment.ofBuffer(encoded(value)));
    }

    // Not getBytes(), which replaces half a surrogate pair by a question mark.
    private static ByteBuffer encoded(String value) {
      try {
        return StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(value));
      } catch (CharacterCodingException error) {
        throw new IllegalArgumentException("the text is not Unicode: it has half a surrogate pair", error);
      }
    }

    @Override
    public String decode(MemorySegment bytes) {
      try {
        byte[] array = bytes.toArray(ValueLayout.JAVA_BYTE);
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(array)).toString();
      } catch (CharacterCodingException error) {
        throw Tags.malformed(this, "not UTF-8");
      }
    }
  }

  private static final class Bytes extends Plain<byte[]> {
    @Override
    public String name() {
      return "bytes";
    }

    @Override
    public long tag() {
      return 0;
    }

    @Override
    public long size(byte[] value) {
      return value.length;
    }

    @Override
    public void encode(byte[] value, MemorySegment bytes) {
      bytes.copyFrom(MemorySegment.ofArray(value));
    }

    @Override
    public byte[] decode(MemorySegment bytes) {
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
