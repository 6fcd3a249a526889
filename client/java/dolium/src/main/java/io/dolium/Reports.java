package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Constructor;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * Makes records of structs. A component has the name of a member, in Java's spelling: {@code dataSize} is {@code
 * data_size}, {@code createdAt} is {@code created_at_ns}. Its class says how to read it. Lists of uses are no member: they
 * come from another call.
 */
final class Reports {
  private static final Map<Class<?>, IntFunction<?>> ENUMS =
      Map.of(
          EventKind.class, EventKind::of,
          Removal.class, Removal::of,
          ObjectState.class, ObjectState::of,
          UseRole.class, UseRole::of,
          ErrorCode.class, ErrorCode::of,
          RefusalCause.class, RefusalCause::of,
          Retention.class, Retention::of,
          ObjectPlace.class, ObjectPlace::of,
          SpillTierState.class, SpillTierState::of);

  private Reports() {}

  static <R extends Record> R read(Class<R> record, CStruct layout, MemorySegment memory) {
    return read(record, layout, memory, List.of());
  }

  static <R extends Record> R read(Class<R> record, CStruct layout, MemorySegment memory, List<ObjectUse> uses) {
    RecordComponent[] components = record.getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < values.length; ++i) values[i] = value(components[i], layout, memory, uses);
    try {
      Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
      Constructor<R> constructor = record.getDeclaredConstructor(types);
      return constructor.newInstance(values);
    } catch (ReflectiveOperationException error) {
      throw new AssertionError(error);
    }
  }

  private static Object value(RecordComponent component, CStruct layout, MemorySegment memory, List<ObjectUse> uses) {
    Class<?> type = component.getType();
    String name = snakeCase(component.getName());
    if (name.equals("uses") || name.equals("holders")) return uses;
    boolean time = type == Instant.class || type == Duration.class;
    CStruct.Member member = layout.member(time ? name + "_ns" : name);
    long at = member.offset();
    if (type == long.class) return number(member, memory);
    if (type == int.class) return memory.get(JAVA_INT, at);
    if (type == boolean.class) return memory.get(JAVA_INT, at) != 0;
    if (type == String.class) return memory.getString(at);
    if (type == ObjectId.class) return Scratch.idAt(memory, at);
    if (type == Duration.class) return Duration.ofNanos(memory.get(JAVA_LONG, at));
    if (type == Instant.class) return instant(memory.get(JAVA_LONG, at));
    if (type == Obstacles.class) return read(Obstacles.class, Structs.OBSTACLES, memory.asSlice(at));
    if (type == SpillTier.class) return tier(memory.asSlice(at));
    if (type == List.class) return rows(memory, at, memory.get(JAVA_INT, layout.offset(name + "_rows")));
    return ENUMS.get(type).apply(memory.get(JAVA_INT, at));
  }

  /** Null if there is none. */
  private static SpillTier tier(MemorySegment memory) {
    boolean isThere = memory.get(JAVA_INT, Structs.SPILL_TIER.offset("state")) != 0;
    return isThere ? read(SpillTier.class, Structs.SPILL_TIER, memory) : null;
  }

  private static long number(CStruct.Member member, MemorySegment memory) {
    boolean narrow = member.type().equals("uint32_t");
    return narrow ? Integer.toUnsignedLong(memory.get(JAVA_INT, member.offset())) : memory.get(JAVA_LONG, member.offset());
  }

  private static Instant instant(long nanos) {
    return nanos == 0 ? null : Instant.ofEpochSecond(nanos / 1_000_000_000, nanos % 1_000_000_000);
  }

  private static List<HistogramRow> rows(MemorySegment memory, long at, int count) {
    List<HistogramRow> rows = new ArrayList<>();
    long size = Structs.HISTOGRAM_ROW.size();
    for (int i = 0; i < count; ++i) {
      rows.add(read(HistogramRow.class, Structs.HISTOGRAM_ROW, memory.asSlice(at + size * i, size)));
    }
    return rows;
  }

  private static String snakeCase(String name) {
    return name.replaceAll("([A-Z])", "_$1").toLowerCase(java.util.Locale.ROOT);
  }
}
