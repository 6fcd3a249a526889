package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Writing: create, write in place, seal; or put, which is all three. */
abstract class StoreWrites extends StoreReads {
  StoreWrites(long handle) {
    super(handle);
  }

  /**
   * Reserves memory for an object, to write in place.
   *
   * @param id the object's id
   * @param size bytes
   * @return a builder, which the caller seals or closes
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   */
  public ObjectBuilder create(ObjectId id, long size) {
    return create(id, size, CreateOptions.DEFAULT);
  }

  /**
   * Reserves memory for an object, to write in place.
   *
   * @param id the object's id
   * @param size bytes
   * @param options type, metadata, expiry, timeout, ...
   * @return a builder, which the caller seals or closes
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   * @throws StoreTimeoutException if there is still none after the timeout
   */
  public ObjectBuilder create(ObjectId id, long size, CreateOptions options) {
    try (Arena arena = Arena.ofConfined()) {
      long optionsAt = options.in(arena);
      return ask(
          scratch ->
              (int)
                  Native.CREATE.invokeExact(
                      handle, scratch.id(id), size, optionsAt, scratch.word(0), scratch.error()),
          scratch -> new ObjectBuilder(scratch.wordValue(0), id, size));
    }
  }

  /**
   * Stores bytes.
   *
   * @param id the object's id
   * @param bytes the data
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   */
  public void put(ObjectId id, byte[] bytes) {
    put(id, MemorySegment.ofArray(bytes), CreateOptions.DEFAULT);
  }

  /**
   * Stores bytes.
   *
   * @param id the object's id
   * @param bytes the data
   * @param options type, metadata, expiry, timeout, ...
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   * @throws StoreTimeoutException if there is still none after the timeout
   */
  public void put(ObjectId id, byte[] bytes, CreateOptions options) {
    put(id, MemorySegment.ofArray(bytes), options);
  }

  /**
   * Stores bytes. Large ones in native memory are copied with several threads.
   *
   * @param id the object's id
   * @param data any segment
   * @param options type, metadata, expiry, timeout, ...
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   * @throws StoreTimeoutException if there is still none after the timeout
   */
  public void put(ObjectId id, MemorySegment data, CreateOptions options) {
    if (!data.isNative() && data.byteSize() > Scratch.SMALL) {
      try (ObjectBuilder builder = create(id, data.byteSize(), options)) {
        builder.write(data);
        builder.seal();
      }
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      long optionsAt = options.in(arena);
      run(scratch -> put(scratch, id, inNative(scratch, data), optionsAt, 0));
    }
  }

  /**
   * Stores bytes, and returns a reference that is taken before the object can be evicted or removed.
   *
   * @param id the object's id
   * @param data any segment
   * @param options type, metadata, expiry, timeout, ...
   * @return a reference, which the caller closes
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   */
  public DoliumObject putAndGet(ObjectId id, MemorySegment data, CreateOptions options) {
    if (!data.isNative() && data.byteSize() > Scratch.SMALL) {
      try (ObjectBuilder builder = create(id, data.byteSize(), options)) {
        builder.write(data);
        return builder.sealAndGet();
      }
    }
    try (Arena arena = Arena.ofConfined()) {
      long optionsAt = options.in(arena);
      return ask(
          scratch -> put(scratch, id, inNative(scratch, data), optionsAt, scratch.object()),
          scratch -> new DoliumObject(ObjectLease.filled(scratch)));
    }
  }

  /**
   * Stores a typed value, which every language reads.
   *
   * @param id the object's id
   * @param value the value
   * @param codec its type
   * @param <T> the type's class in Java
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   */
  public <T> void put(ObjectId id, T value, Codec<T> codec) {
    put(id, value, codec, CreateOptions.DEFAULT);
  }

  /**
   * Stores a typed value, which every language reads.
   *
   * @param id the object's id
   * @param value the value
   * @param codec its type
   * @param options all but the type
   * @param <T> the type's class in Java
   * @throws ObjectExistsException if the id is in use, sealed or not
   * @throws StoreFullException if there is no room
   */
  public <T> void put(ObjectId id, T value, Codec<T> codec, CreateOptions options) {
    long size = codec.size(value);
    CreateOptions typed = options.of(codec);
    if (size > Scratch.SMALL) {
      try (ObjectBuilder builder = create(id, size, typed)) {
        builder.encode(codec, value);
        builder.seal();
      }
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      long optionsAt = typed.in(arena);
      MemorySegment bytes = arena.allocate(Math.max(1, size), 64).asSlice(0, size);
      codec.encode(value, bytes);
      run(scratch -> put(scratch, id, bytes, optionsAt, 0));
    }
  }

  private int put(Scratch scratch, ObjectId id, MemorySegment data, long options, long held) throws Throwable {
    return (int)
        Native.PUT.invokeExact(handle, scratch.id(id), data, data.byteSize(), options, held, scratch.error());
  }

  private static MemorySegment inNative(Scratch scratch, MemorySegment data) {
    if (data.isNative()) return data;
    MemorySegment copy = scratch.small().asSlice(0, data.byteSize());
    return copy.copyFrom(data);
  }

  /**
   * Many puts with few messages, carried out in order. No put waits for other clients.
   *
   * @param items the objects
   * @return those that failed, in order; empty if none did
   */
  public List<PutFailure> putMany(List<PutItem> items) {
    try (Arena arena = Arena.ofConfined()) {
      CStruct layout = Structs.PUT_ITEM;
      MemorySegment memory = arena.allocate(Math.max(1, layout.size() * items.size()), 8);
      for (int i = 0; i < items.size(); ++i) {
        fill(memory.asSlice(layout.size() * i, layout.size()), items.get(i), arena);
      }
      long count = items.size();
      List<PutFailure> failures =
          ask(
              scratch ->
                  (int)
                      Native.PUT_MANY.invokeExact(handle, memory.address(), count, scratch.word(0), scratch.error()),
              scratch -> failures(scratch, scratch.wordValue(0)));
      java.lang.ref.Reference.reachabilityFence(items); // segments of automatic arenas
      return failures;
    }
  }

  private static void fill(MemorySegment memory, PutItem item, Arena arena) {
    CStruct layout = Structs.PUT_ITEM;
    MemorySegment data = item.data();
    if (!data.isNative() || data.scope() != Arena.global().scope()) {
      // A copy: a segment of the caller could be closed by another thread meanwhile.
      data = arena.allocate(Math.max(1, data.byteSize()), 8).asSlice(0, data.byteSize()).copyFrom(data);
    }
    Scratch.put(memory, layout.offset("id"), item.id());
    memory.set(JAVA_LONG, layout.offset("data"), data.address());
    memory.set(JAVA_LONG, layout.offset("size"), data.byteSize());
    memory.set(JAVA_LONG, layout.offset("options"), item.options().in(arena));
  }

  /**
   * A put that does not wait for its outcome, for many small objects in a row. Outcomes that only the store knows are
   * reported by the next {@link #flush()}. Later calls through this store see the object; other clients see it after a
   * moment. Blocks while the send queue is full.
   *
   * @param id the object's id
   * @param bytes at most 65536; copied before the return
   * @param options all but a timeout
   */
  public void putDeferred(ObjectId id, byte[] bytes, CreateOptions options) {
    try (Arena arena = Arena.ofConfined()) {
      long optionsAt = options.in(arena);
      MemorySegment data = arena.allocate(Math.max(1, bytes.length)).asSlice(0, bytes.length);
      data.copyFrom(MemorySegment.ofArray(bytes));
      run(
          scratch ->
              (int)
                  Native.PUT_DEFERRED.invokeExact(
                      handle, scratch.id(id), data, data.byteSize(), optionsAt, scratch.error()));
    }
  }

  /**
   * Waits until all earlier deferred puts are done.
   *
   * @return those that failed since the last call, in order; empty if none did
   * @throws DisconnectedException after the daemon's end: the outcome of the deferred puts is unknown
   */
  public List<PutFailure> flush() {
    return ask(
        scratch -> (int) Native.FLUSH.invokeExact(handle, scratch.word(0), scratch.error()),
        scratch -> failures(scratch, scratch.wordValue(0)));
  }

  private static List<PutFailure> failures(Scratch scratch, long list) throws Throwable {
    List<PutFailure> result = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      CStruct layout = Structs.FAILURE;
      MemorySegment each = arena.allocate(layout.size(), 8);
      long count = (long) Native.FAILURES_COUNT.invokeExact(list);
      for (long at = 0; at < count; ++at) {
        each.set(JAVA_LONG, layout.offset("struct_size"), layout.size());
        int code = (int) Native.FAILURES_AT.invokeExact(list, at, each.address(), scratch.error());
        if (code != 0) throw scratch.failure(code);
        result.add(failure(each, layout));
      }
    } finally {
      Native.run(Native.FAILURES_FREE, list);
    }
    return result;
  }

  private static PutFailure failure(MemorySegment each, CStruct layout) {
    return new PutFailure(
        Scratch.idAt(each, layout.offset("id")),
        each.get(JAVA_LONG, layout.offset("index")),
        DoliumException.of(
            each.get(JAVA_INT, layout.offset("code")),
            each.get(JAVA_INT, layout.offset("cause")),
            each.get(JAVA_INT, layout.offset("error_number")),
            MemorySegment.ofAddress(each.get(JAVA_LONG, layout.offset("message"))).reinterpret(Long.MAX_VALUE).getString(0)));
  }
}
