package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The configuration of an {@link InProcessStore}.
 *
 * @param capacity bytes, rounded up to pages of 4 KiB; 0: 1 GiB
 * @param maxObjects maximum number of objects; 0: one per KiB of capacity, at least 1024
 * @param policy which objects are evicted first
 * @param lowWaterMark an eviction goes on until this share is free: 0 to 0.5
 * @param maxUnsealedBytesPerClient quota of unsealed objects; 0: only the capacity limits them
 * @param maxPinnedBytesPerUser quota of bytes that are pinned or in a grace; 0: only the capacity limits them
 * @param relocation whether objects are moved to defragment the memory
 * @param preallocate whether all memory is allocated when the store is opened
 * @param hugePages whether the memory is in pages of 2 MiB of the kernel's reserved pool; fails if there are too few
 */
public record OpenOptions(
    long capacity,
    int maxObjects,
    EvictionPolicy policy,
    double lowWaterMark,
    long maxUnsealedBytesPerClient,
    long maxPinnedBytesPerUser,
    boolean relocation,
    boolean preallocate,
    boolean hugePages) {
  private static final CStruct STRUCT = Structs.OPEN_OPTIONS;
  private static final int NO_RELOCATION = 1;
  private static final int PREALLOCATE = 2;
  private static final int HUGE_PAGES = 4;

  /**
   * A capacity, and the default for all else.
   *
   * @param capacity bytes
   * @return options
   */
  public static OpenOptions ofCapacity(long capacity) {
    return new OpenOptions(capacity, 0, EvictionPolicy.LRU, 0, 0, 0, true, false, false);
  }

  /** Address of a dolium_open_options. */
  long in(Arena arena) {
    MemorySegment memory = arena.allocate(STRUCT.size(), 8);
    int flags = (relocation ? 0 : NO_RELOCATION) | (preallocate ? PREALLOCATE : 0) | (hugePages ? HUGE_PAGES : 0);
    memory.set(JAVA_LONG, STRUCT.offset("struct_size"), STRUCT.size());
    memory.set(JAVA_INT, STRUCT.offset("flags"), flags);
    memory.set(JAVA_INT, STRUCT.offset("eviction_policy"), policy.ordinal());
    memory.set(JAVA_LONG, STRUCT.offset("capacity"), capacity);
    memory.set(JAVA_INT, STRUCT.offset("max_objects"), maxObjects);
    memory.set(JAVA_DOUBLE, STRUCT.offset("low_water_mark"), lowWaterMark);
    memory.set(JAVA_LONG, STRUCT.offset("max_unsealed_bytes_per_client"), maxUnsealedBytesPerClient);
    memory.set(JAVA_LONG, STRUCT.offset("max_pinned_bytes_per_user"), maxPinnedBytesPerUser);
    return memory.address();
  }
}
