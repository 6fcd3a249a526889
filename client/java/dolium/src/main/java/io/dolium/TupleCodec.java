package io.dolium;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** {@code tuple<T,U,...>}: a struct as in C if all parts have a fixed size, else parts behind a table of their ends. */
final class TupleCodec implements Codec<List<Object>> {
  private final List<Codec<?>> parts;
  private final long[] offsets; // of the struct
  private final long fixedSize;
  private final long alignment;
  private final long tag;

  TupleCodec(List<Codec<?>> parts) {
    if (parts.isEmpty()) throw new IllegalArgumentException("a tuple has at least one part");
    this.parts = parts;
    offsets = new long[parts.size()];
    long end = 0;
    long largest = 1;
    boolean fixed = true;
    for (int i = 0; i < offsets.length; ++i) {
      Codec<?> part = parts.get(i);
      offsets[i] = Parts.up(end, part.alignment());
      end = offsets[i] + part.fixedSize();
      largest = Math.max(largest, part.alignment());
      fixed &= part.fixedSize() != 0;
    }
    alignment = fixed ? largest : Math.max(largest, Parts.WORD);
    fixedSize = fixed ? Parts.up(end, largest) : 0;
    tag = Tags.ofContainer("tuple", parts.stream().mapToLong(Tags::ofPart).toArray());
  }

  @Override
  public String name() {
    return "tuple<" + String.join(",", parts.stream().map(Codec::name).toList()) + ">";
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
    return fixedSize;
  }

  @SuppressWarnings("unchecked") // a value of another class ends in a ClassCastException
  private Codec<Object> part(int number) {
    return (Codec<Object>) parts.get(number);
  }

  @Override
  public long size(List<Object> value) {
    if (value.size() != parts.size()) {
      throw new IllegalArgumentException(name() + " has " + parts.size() + " parts, and the value has " + value.size());
    }
    if (fixedSize != 0) return fixedSize;
    long end = Parts.WORD * parts.size();
    for (int i = 0; i < value.size(); ++i) end = Parts.endBehind(end, part(i), value.get(i));
    return end;
  }

  @Override
  public void encode(List<Object> value, MemorySegment bytes) {
    if (fixedSize != 0) {
      bytes.fill((byte) 0);
      for (int i = 0; i < offsets.length; ++i) {
        part(i).encode(value.get(i), bytes.asSlice(offsets[i], part(i).fixedSize()));
      }
      return;
    }
    Parts.Writer writer = new Parts.Writer(bytes, 0, parts.size());
    for (int i = 0; i < offsets.length; ++i) writer.add(part(i), value.get(i));
  }

  @Override
  public List<Object> decode(MemorySegment bytes) {
    List<MemorySegment> slices = fixedSize != 0 ? struct(bytes) : table(bytes);
    List<Object> value = new ArrayList<>(offsets.length);
    for (int i = 0; i < offsets.length; ++i) value.add(part(i).decode(slices.get(i)));
    return value;
  }

  private List<MemorySegment> struct(MemorySegment bytes) {
    if (bytes.byteSize() != fixedSize) throw Tags.malformed(this, bytes.byteSize() + " bytes, not " + fixedSize);
    List<MemorySegment> slices = new ArrayList<>(offsets.length);
    for (int i = 0; i < offsets.length; ++i) slices.add(bytes.asSlice(offsets[i], part(i).fixedSize()));
    return slices;
  }

  private List<MemorySegment> table(MemorySegment bytes) {
    return Parts.read(this, bytes, 0, parts.size(), part -> parts.get(part).alignment());
  }
}
