package io.dolium;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Values behind a table of their ends, as CODECS.md lays them out. Ends are offsets from the beginning of the bytes. Each
 * part begins at the next multiple of its alignment behind the end before it, the first one behind the table.
 */
final class Parts {
  /** Bytes of an end, and of a number of items. */
  static final long WORD = 8;

  private Parts() {}

  static long up(long value, long alignment) {
    return (value + alignment - 1) / alignment * alignment;
  }

  /** Writes parts one after the other. */
  static final class Writer {
    private final MemorySegment bytes;
    private long slot;
    private long end;

    /** The first end goes to `slot`; the first part lies behind `count` ends. */
    Writer(MemorySegment bytes, long slot, int count) {
      this.bytes = bytes;
      this.slot = slot;
      end = slot + WORD * count;
    }

    <T> void add(Codec<T> codec, T value) {
      long begin = up(end, codec.alignment());
      bytes.asSlice(end, begin - end).fill((byte) 0);
      end = begin + codec.size(value);
      codec.encode(value, bytes.asSlice(begin, end - begin));
      bytes.set(ScalarCodecs.LONG, slot, end);
      slot += WORD;
    }
  }

  /** The end behind one more part. */
  static <T> long endBehind(long end, Codec<T> codec, T value) {
    return up(end, codec.alignment()) + codec.size(value);
  }

  /** The bytes of `count` parts, whose ends begin at `slot`. Refuses a table or parts that are not within the bytes. */
  static List<MemorySegment> read(Codec<?> of, MemorySegment bytes, long slot, long count, Alignment alignments) {
    if (count < 0 || count > (bytes.byteSize() - slot) / WORD) throw Tags.malformed(of, "no whole table");
    List<MemorySegment> parts = new ArrayList<>((int) count);
    long end = slot + WORD * count;
    for (int i = 0; i < count; ++i) {
      long begin = up(end, alignments.of(i));
      end = bytes.get(ScalarCodecs.LONG, slot + WORD * i);
      if (end < begin || end > bytes.byteSize()) throw Tags.malformed(of, "part " + i + " ends at byte " + end);
      parts.add(bytes.asSlice(begin, end - begin));
    }
    if (end != bytes.byteSize()) throw Tags.malformed(of, "bytes behind the last part");
    return parts;
  }

  interface Alignment {
    long of(int part);
  }
}
