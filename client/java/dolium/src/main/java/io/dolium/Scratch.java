package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Native memory for the arguments and results of one call: an error, an object, an id, a few words, and small bytes. A
 * thread takes one from a pool for the duration of a call.
 */
final class Scratch {
  /** Maximum size of bytes that are copied here for a call. */
  static final int SMALL = 32 * 1024;

  private static final int POOL = 64;
  private static final AtomicReferenceArray<Scratch> FREE = new AtomicReferenceArray<>(POOL);

  private static final long ERROR_AT = 0;
  private static final long OBJECT_AT = Structs.ERROR.size();
  private static final long ID_AT = OBJECT_AT + Structs.OBJECT.size();
  private static final long WORDS_AT = ID_AT + 24;
  private static final long SIZE = WORDS_AT + 64;

  private static final long MESSAGE_SIZE_AT = Structs.ERROR.offset("message_size");
  private static final long MESSAGE_AT = Structs.ERROR.offset("message");
  /** Number of 8-byte words of a dolium_object. */
  static final int OBJECT_WORDS = (int) (Structs.OBJECT.size() / 8);

  private final MemorySegment memory = Arena.ofAuto().allocate(SIZE, 8);
  private final long address = memory.address();
  private MemorySegment small;

  private Scratch() {}

  /** For this call alone, until {@link #giveBack}. */
  static Scratch take() {
    Scratch scratch = FREE.getAndSet(slot(), null);
    return scratch != null ? scratch : new Scratch();
  }

  /** Ends the use. */
  void giveBack() {
    FREE.setRelease(slot(), this);
  }

  private static int slot() {
    return (int) (Thread.currentThread().threadId() & (POOL - 1));
  }

  /** Address of the dolium_error. */
  long error() {
    return address + ERROR_AT;
  }

  /** Address of the dolium_object. */
  long object() {
    return address + OBJECT_AT;
  }

  /** Writes the id, and returns its address. */
  long id(ObjectId id) {
    put(memory, ID_AT, id);
    return address + ID_AT;
  }

  /** Address of the id that a call fills. */
  long id() {
    return address + ID_AT;
  }

  /** The id that a call filled. */
  ObjectId filledId() {
    return idAt(memory, ID_AT);
  }

  /** Address of one of 8 words, cleared. */
  long word(int number) {
    memory.set(JAVA_LONG, WORDS_AT + 8L * number, 0);
    return address + WORDS_AT + 8L * number;
  }

  /** The value that a call wrote to a word. */
  long wordValue(int number) {
    return memory.get(JAVA_LONG, WORDS_AT + 8L * number);
  }

  /** Whether a call wrote true to a word. */
  boolean wordIsTrue(int number) {
    return memory.get(JAVA_BYTE, WORDS_AT + 8L * number) != 0;
  }

  /** Copies the dolium_object that a call filled. */
  long[] filledObject() {
    long[] words = new long[OBJECT_WORDS];
    MemorySegment.copy(memory, JAVA_LONG, OBJECT_AT, words, 0, OBJECT_WORDS);
    return words;
  }

  /** Makes the dolium_object that of an earlier call, and returns its address. */
  long object(long[] words) {
    MemorySegment.copy(words, 0, memory, JAVA_LONG, OBJECT_AT, OBJECT_WORDS);
    return address + OBJECT_AT;
  }

  /** {@link #SMALL} bytes. */
  MemorySegment small() {
    if (small == null) small = Arena.ofAuto().allocate(SMALL, 64);
    return small;
  }

  /** The exception for a call that returned this code, and filled the error. */
  DoliumException failure(int code) {
    return failure(code, memory);
  }

  /** The exception for a dolium_error at the beginning of a segment. */
  static DoliumException failure(int code, MemorySegment error) {
    byte[] text = new byte[error.get(JAVA_INT, MESSAGE_SIZE_AT)];
    MemorySegment.copy(error, JAVA_BYTE, MESSAGE_AT, text, 0, text.length);
    return DoliumException.of(
        code,
        error.get(JAVA_INT, Structs.ERROR.offset("cause")),
        error.get(JAVA_INT, Structs.ERROR.offset("error_number")),
        new String(text, StandardCharsets.UTF_8));
  }

  static void put(MemorySegment memory, long at, ObjectId id) {
    memory.set(MARSHALLED_LONG, at, id.first());
    memory.set(MARSHALLED_LONG, at + 8, id.second());
    memory.set(JAVA_INT_UNALIGNED, at + 16, id.third());
  }

  static ObjectId idAt(MemorySegment memory, long at) {
    return ObjectId.ofWords(
        memory.get(MARSHALLED_LONG, at), memory.get(MARSHALLED_LONG, at + 8), memory.get(JAVA_INT_UNALIGNED, at + 16));
  }

  private static final java.lang.foreign.ValueLayout.OfLong MARSHALLED_LONG =
      java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
}
