package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Which objects {@link ObjectStore#list} returns: those that have all these properties.
 *
 * @param labelPrefix how the label begins; empty: any label, or none
 * @param typeName the whole name, or the 16 digits of the tag of an unnamed type; empty: any
 * @param state whether they are sealed
 * @param creatorPid the process that made them; 0: any
 */
public record ObjectFilter(String labelPrefix, String typeName, ObjectState state, int creatorPid) {
  /** All objects. */
  public static final ObjectFilter ALL = new ObjectFilter("", "", ObjectState.ANY, 0);

  private static final CStruct STRUCT = Structs.FILTER;

  /**
   * Objects whose label begins so.
   *
   * @param prefix the beginning of the label
   * @return a filter
   */
  public static ObjectFilter ofLabel(String prefix) {
    return new ObjectFilter(prefix, "", ObjectState.ANY, 0);
  }

  /** Address of a dolium_filter. */
  long in(Arena arena) {
    MemorySegment memory = arena.allocate(STRUCT.size(), 8);
    memory.set(JAVA_LONG, STRUCT.offset("struct_size"), STRUCT.size());
    Text.put(memory, STRUCT, "label_prefix", labelPrefix.isEmpty() ? null : Text.in(arena, labelPrefix), 1);
    Text.put(memory, STRUCT, "type_name", typeName.isEmpty() ? null : Text.in(arena, typeName), 1);
    memory.set(JAVA_INT, STRUCT.offset("state"), state.ordinal());
    memory.set(JAVA_INT, STRUCT.offset("creator_pid"), creatorPid);
    return memory.address();
  }
}
