package io.dolium;

import java.lang.foreign.MemorySegment;

/** Names and tags of types: a tag is a hash of the name, which is stored with the object and compared by readers. */
public final class TypeNames {
  private TypeNames() {}

  /**
   * The tag of a type. A name that is not of the table in CODECS.md is that of a program's own type.
   *
   * @param name {@code "map<utf8,f64>"}, {@code "acme.Graph@2"}
   * @return the tag; 0 for {@code "bytes"}
   * @throws DoliumException {@link ErrorCode#INVALID_ARGUMENT} for an empty name
   */
  public static long tagOf(String name) {
    Scratch scratch = Scratch.take();
    try (Text text = new Text(name)) {
      int code = (int) Native.TYPE_TAG.invokeExact(text.address(), text.size(), scratch.word(0), scratch.error());
      if (code != 0) throw scratch.failure(code);
      return scratch.wordValue(0);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }

  /**
   * The name of a scalar, an array of scalars, or another type that the library knows.
   *
   * @param tag a tag
   * @return the name; empty if the tag is unknown; {@code "bytes"} for 0
   */
  public static String nameOf(long tag) {
    try {
      long text = (long) Native.TYPE_NAME.invokeExact(tag);
      return MemorySegment.ofAddress(text).reinterpret(Long.MAX_VALUE).getString(0);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
  }
}
