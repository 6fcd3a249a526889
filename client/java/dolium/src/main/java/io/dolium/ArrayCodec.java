package io.dolium;

import java.lang.foreign.MemorySegment;

/** {@code T[]}, as a class of Java. */
abstract class ArrayCodec<A> implements Codec<A> {
  private final Codec<?> element;
  private final long tag;

  ArrayCodec(Codec<?> element) {
    this.element = element;
    tag = Tags.ofArray(Tags.ofPart(element));
  }

  @Override
  public final String name() {
    return element.name() + "[]";
  }

  @Override
  public final long tag() {
    return tag;
  }

  @Override
  public final long alignment() {
    return element.fixedSize() != 0 ? element.alignment() : Math.max(Parts.WORD, element.alignment());
  }

  @Override
  public final long fixedSize() {
    return 0;
  }

  /** The number of elements of a fixed size, one behind the other. */
  final long count(MemorySegment bytes) {
    long size = bytes.byteSize();
    long each = element.fixedSize();
    if (size % each != 0) throw Tags.malformed(this, size + " bytes are no multiple of " + each);
    return size / each;
  }
}
