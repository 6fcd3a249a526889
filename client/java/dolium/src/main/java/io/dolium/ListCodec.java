package io.dolium;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** {@code T[]}, as a list. */
final class ListCodec<E> extends ArrayCodec<List<E>> {
  private final Codec<E> element;

  ListCodec(Codec<E> element) {
    super(element);
    this.element = element;
  }

  @Override
  public long size(List<E> value) {
    if (element.fixedSize() != 0) return element.fixedSize() * value.size();
    long end = Parts.WORD * (1 + value.size());
    for (E each : value) end = Parts.endBehind(end, element, each);
    return end;
  }

  @Override
  public void encode(List<E> value, MemorySegment bytes) {
    long fixed = element.fixedSize();
    if (fixed != 0) {
      long at = 0;
      for (E each : value) {
        element.encode(each, bytes.asSlice(at, fixed));
        at += fixed;
      }
      return;
    }
    bytes.set(ScalarCodecs.LONG, 0, value.size());
    Parts.Writer writer = new Parts.Writer(bytes, Parts.WORD, value.size());
    for (E each : value) writer.add(element, each);
  }

  @Override
  public List<E> decode(MemorySegment bytes) {
    List<E> value = new ArrayList<>();
    for (MemorySegment each : parts(bytes)) value.add(element.decode(each));
    return value;
  }

  /** The bytes of each element. */
  List<MemorySegment> parts(MemorySegment bytes) {
    long fixed = element.fixedSize();
    if (fixed != 0) {
      List<MemorySegment> parts = new ArrayList<>((int) Math.min(count(bytes), Integer.MAX_VALUE - 8));
      for (long at = 0; at < bytes.byteSize(); at += fixed) parts.add(bytes.asSlice(at, fixed));
      return parts;
    }
    if (bytes.byteSize() < Parts.WORD) throw Tags.malformed(this, "no number of items");
    long count = bytes.get(ScalarCodecs.LONG, 0);
    return Parts.read(this, bytes, Parts.WORD, count, part -> element.alignment());
  }
}
