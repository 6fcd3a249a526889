package io.dolium;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/** One reference to a sealed object. */
final class ObjectLease extends Lease {
  private final long[] words; // the dolium_object

  private ObjectLease(long[] words) {
    super("this object");
    this.words = words;
  }

  /** The reference that a call put into the scratch. */
  static ObjectLease filled(Scratch scratch) {
    return new ObjectLease(scratch.filledObject());
  }

  /** The reference in a dolium_object elsewhere; null if that holds nothing. */
  static ObjectLease at(MemorySegment memory, long at) {
    long[] words = new long[Scratch.OBJECT_WORDS];
    MemorySegment.copy(memory, java.lang.foreign.ValueLayout.JAVA_LONG, at, words, 0, words.length);
    for (long word : words) {
      if (word != 0) return new ObjectLease(words);
    }
    return null;
  }

  @Override
  void end() {
    Scratch scratch = Scratch.take();
    Native.run(Native.RELEASE, scratch.object(words));
    scratch.giveBack();
  }

  /** Another reference to the same object. */
  ObjectLease retain() {
    return use(
        scratch -> {
          // The result may overwrite the argument only if they differ: it goes behind the small bytes' beginning.
          MemorySegment other = scratch.small().asSlice(0, Structs.OBJECT.size());
          int code = (int) Native.RETAIN.invokeExact(scratch.object(words), other.address(), scratch.error());
          if (code != 0) throw scratch.failure(code);
          return at(other, 0);
        });
  }

  /** The data as a read-only segment of an arena, whose close ends this reference. */
  MemorySegment dataIn(Arena arena) {
    try {
      return MemorySegment.ofAddress(data()).reinterpret(size(), arena, unused -> shut()).asReadOnly();
    } catch (RuntimeException error) { // the arena is closed, or another thread's
      shut();
      throw error;
    }
  }

  /** A private copy's handle. */
  long privateCopy() {
    return use(
        scratch -> {
          int code = (int) Native.PRIVATE_COPY.invokeExact(scratch.object(words), scratch.word(0), scratch.error());
          if (code != 0) throw scratch.failure(code);
          return scratch.wordValue(0);
        });
  }

  /** The name that the creator gave the type; empty for raw bytes. */
  String typeName() {
    return use(
        scratch -> {
          int code =
              (int)
                  Native.OBJECT_TYPE_NAME.invokeExact(
                      scratch.object(words), scratch.word(0), scratch.word(1), scratch.error());
          if (code != 0) throw scratch.failure(code);
          MemorySegment name = MemorySegment.ofAddress(scratch.wordValue(0)).reinterpret(scratch.wordValue(1));
          return new String(name.toArray(ScalarCodecs.BYTE), StandardCharsets.UTF_8);
        });
  }

  /** Throws if the object is not of the type with this name. */
  void checkType(String name) {
    use(
        scratch -> {
          try (Text text = new Text(name)) {
            int code =
                (int) Native.CHECK_TYPE.invokeExact(scratch.object(words), text.address(), text.size(), scratch.error());
            if (code != 0) throw scratch.failure(code);
            return null;
          }
        });
  }

  private interface Use<T> {
    T with(Scratch scratch) throws Throwable;
  }

  private <T> T use(Use<T> use) {
    enter();
    Scratch scratch = Scratch.take();
    try {
      return use.with(scratch);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
      leave();
    }
  }

  /** Address of the data. */
  long data() {
    return words[0];
  }

  /** Bytes of the data. */
  long size() {
    return words[1];
  }

  /** Address of the metadata. */
  long metadata() {
    return words[2];
  }

  /** Bytes of the metadata. */
  long metadataSize() {
    return words[3];
  }

  /** The type's tag. */
  long typeTag() {
    return words[4];
  }

  /** The object's id. */
  ObjectId id() {
    return ObjectId.ofWords(words[5], words[6], (int) words[7]);
  }
}
