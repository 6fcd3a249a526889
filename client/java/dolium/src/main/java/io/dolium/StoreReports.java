package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reports: snapshots of the moment of the call. */
abstract class StoreReports extends StoreControl {
  private static final int NOT_FOUND = ErrorCode.NOT_FOUND.number();

  StoreReports(long handle) {
    super(handle);
  }

  /**
   * About one object, sealed or being written.
   *
   * @param id the object's id
   * @return what the store knows
   * @throws ObjectNotFoundException if there is none
   */
  public ObjectInfo metadata(ObjectId id) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = struct(arena, Structs.OBJECT_INFO);
      List<ObjectUse> uses =
          ask(
              scratch ->
                  (int)
                      Native.METADATA.invokeExact(
                          handle, scratch.id(id), info.address(), scratch.word(0), scratch.error()),
              scratch -> uses(scratch, scratch.wordValue(0)));
      return Reports.read(ObjectInfo.class, Structs.OBJECT_INFO, info, uses);
    }
  }

  /**
   * All objects, sealed or not, that pass the filter. The filter runs in the daemon.
   *
   * @param filter which objects
   * @return a list
   */
  public List<ObjectInfo> list(ObjectFilter filter) {
    try (Arena arena = Arena.ofConfined()) {
      long filterAt = filter.in(arena);
      return ask(
          scratch -> (int) Native.LIST.invokeExact(handle, filterAt, scratch.word(0), scratch.error()),
          scratch ->
              all(
                  scratch, scratch.wordValue(0), Native.OBJECT_LIST_NEXT, Native.OBJECT_LIST_FREE, ObjectInfo.class,
                  Structs.OBJECT_INFO));
    }
  }

  /**
   * Removes an object that {@link #list} or {@link #metadata} has described, and no other that was put under its id since.
   *
   * @param object the description
   * @return false if it was gone already
   * @throws DoliumException {@link ErrorCode#NOT_SEALED} if it was not sealed when it was described
   */
  public boolean remove(ObjectInfo object) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = struct(arena, Structs.OBJECT_INFO);
      Scratch.put(info, Structs.OBJECT_INFO.offset("id"), object.id());
      info.set(JAVA_LONG, Structs.OBJECT_INFO.offset("seal_stamp"), object.sealStamp());
      return ask(
          scratch ->
              (int) Native.REMOVE_DESCRIBED.invokeExact(handle, info.address(), scratch.word(0), scratch.error()),
          scratch -> scratch.wordIsTrue(0));
    }
  }

  /**
   * All clients of the store.
   *
   * @return a list
   */
  public List<ClientInfo> clients() {
    return ask(
        scratch -> (int) Native.CLIENTS.invokeExact(handle, scratch.word(0), scratch.error()),
        scratch ->
            all(
                scratch, scratch.wordValue(0), Native.CLIENT_LIST_NEXT, Native.CLIENT_LIST_FREE, ClientInfo.class,
                Structs.CLIENT_INFO));
  }

  /**
   * The state of the store.
   *
   * @return statistics
   */
  public StoreStats stats() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stats = struct(arena, Structs.STORE_STATS);
      run(scratch -> (int) Native.STATS.invokeExact(handle, stats.address(), scratch.error()));
      return Reports.read(StoreStats.class, Structs.STORE_STATS, stats);
    }
  }

  /**
   * The last create or put that had no room.
   *
   * @return empty if there was none since the start of the server
   */
  public Optional<Refusal> lastRefusal() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment refusal = struct(arena, Structs.REFUSAL);
      List<ObjectUse> holders =
          ask(
              scratch ->
                  (int) Native.LAST_REFUSAL.invokeExact(handle, refusal.address(), scratch.word(0), scratch.error()),
              scratch -> uses(scratch, scratch.wordValue(0)));
      return Optional.of(Reports.read(Refusal.class, Structs.REFUSAL, refusal, holders));
    } catch (ObjectNotFoundException none) {
      return Optional.empty();
    }
  }

  private static MemorySegment struct(Arena arena, CStruct layout) {
    MemorySegment memory = arena.allocate(layout.size(), 8);
    memory.set(JAVA_LONG, 0, layout.size());
    return memory;
  }

  private static List<ObjectUse> uses(Scratch scratch, long list) throws Throwable {
    return all(scratch, list, Native.USE_LIST_NEXT, Native.USE_LIST_FREE, ObjectUse.class, Structs.USE);
  }

  /** Reads a listing to its end, and frees it. */
  private static <R extends Record> List<R> all(
      Scratch scratch, long list, MethodHandle next, MethodHandle free, Class<R> record, CStruct layout)
      throws Throwable {
    List<R> result = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment each = struct(arena, layout);
      while (list != 0) {
        int code = (int) next.invokeExact(list, each.address(), scratch.error());
        if (code == NOT_FOUND) break;
        if (code != 0) throw scratch.failure(code);
        result.add(Reports.read(record, layout, each));
      }
    } finally {
      Native.run(free, list);
    }
    return result;
  }
}
