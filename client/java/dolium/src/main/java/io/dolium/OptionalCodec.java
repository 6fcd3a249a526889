package io.dolium;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** {@code optional<T>}: a byte, 0 or 1, then the value. */
final class OptionalCodec<E> implements Codec<Optional<E>> {
  private final Codec<E> value;
  private final long tag;

  OptionalCodec(Codec<E> value) {
    this.value = value;
    tag = Tags.ofContainer("optional", Tags.ofPart(value));
  }

  @Override
  public String name() {
    return "optional<" + value.name() + ">";
  }

  @Override
  public long tag() {
    return tag;
  }

  @Override
  public long alignment() {
    return value.alignment();
  }

  @Override
  public long fixedSize() {
    if (value.fixedSize() == 0) return 0;
    return Parts.up(value.alignment() + value.fixedSize(), value.alignment());
  }

  @Override
  public long size(Optional<E> optional) {
    if (fixedSize() != 0) return fixedSize();
    return optional.map(present -> value.alignment() + value.size(present)).orElse(1L);
  }

  @Override
  public void encode(Optional<E> optional, MemorySegment bytes) {
    bytes.fill((byte) 0);
    if (optional.isEmpty()) return;
    bytes.set(ScalarCodecs.BYTE, 0, (byte) 1);
    value.encode(optional.get(), bytes.asSlice(value.alignment(), value.size(optional.get())));
  }

  @Override
  public Optional<E> decode(MemorySegment bytes) {
    long size = bytes.byteSize();
    if (fixedSize() != 0 ? size != fixedSize() : size == 0) throw Tags.malformed(this, size + " bytes");
    byte present = bytes.get(ScalarCodecs.BYTE, 0);
    if ((present & 0xfe) != 0) throw Tags.malformed(this, "the first byte is neither 0 nor 1");
    if (present == 0) {
      if (fixedSize() == 0 && size != 1) throw Tags.malformed(this, "an absent value with bytes");
      return Optional.empty();
    }
    if (size < value.alignment()) throw Tags.malformed(this, "the gap before the value is cut off");
    long valueSize = value.fixedSize() != 0 ? value.fixedSize() : size - value.alignment();
    return Optional.of(value.decode(bytes.asSlice(value.alignment(), valueSize)));
  }
}
