package io.dolium;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** A text in UTF-8 in native memory, with a zero at its end, for the duration of a call. */
final class Text implements AutoCloseable {
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment bytes;

  /** Null is no text. */
  Text(String text) {
    bytes = text == null ? MemorySegment.NULL : in(arena, text);
  }

  /** A text with a zero at its end. */
  static MemorySegment in(Arena arena, String text) {
    return arena.allocateFrom(text, StandardCharsets.UTF_8);
  }

  /** Sets a pointer member and its size member to these bytes, but for the last `cut`. Null: none. */
  static void put(MemorySegment struct, CStruct layout, String member, MemorySegment bytes, int cut) {
    if (bytes == null) return;
    struct.set(ValueLayout.JAVA_LONG, layout.offset(member), bytes.address());
    struct.set(ValueLayout.JAVA_LONG, layout.offset(member + "_size"), bytes.byteSize() - cut);
  }

  /** 0: no text. */
  long address() {
    return bytes.address();
  }

  /** Bytes without the zero. */
  long size() {
    return Math.max(0, bytes.byteSize() - 1);
  }

  @Override
  public void close() {
    arena.close();
  }
}
