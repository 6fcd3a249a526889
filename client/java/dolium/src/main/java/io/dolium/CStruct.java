package io.dolium;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The layout of a struct of the C interface, made from its members as the header writes them: a member's offset is the
 * next multiple of its alignment. A test compares the text with the header, and the offsets with the C compiler's.
 */
final class CStruct {
  /** A member: its C type, and its number of elements, which is 0 unless it is an array. */
  record Member(String type, long offset, int elements) {}

  private record Layout(long size, long alignment) {}

  private static final Map<String, CStruct> STRUCTS = new LinkedHashMap<>();
  private static final Map<String, Layout> SCALARS =
      Map.ofEntries(
          Map.entry("char", new Layout(1, 1)),
          Map.entry("uint8_t", new Layout(1, 1)),
          Map.entry("int32_t", new Layout(4, 4)),
          Map.entry("uint32_t", new Layout(4, 4)),
          Map.entry("dolium_code", new Layout(4, 4)),
          Map.entry("dolium_cause", new Layout(4, 4)),
          Map.entry("int64_t", new Layout(8, 8)),
          Map.entry("uint64_t", new Layout(8, 8)),
          Map.entry("size_t", new Layout(8, 8)),
          Map.entry("double", new Layout(8, 8)),
          Map.entry("const char*", new Layout(8, 8)),
          Map.entry("const void*", new Layout(8, 8)),
          Map.entry("const dolium_create_options*", new Layout(8, 8)));

  private final String name;
  private final Map<String, Member> members = new LinkedHashMap<>();
  private long size;
  private long alignment = 1;

  private CStruct(String name) {
    this.name = name;
  }

  /** Reads {@code "size_t struct_size; int32_t kind, removal; char label[256];"}. */
  static synchronized CStruct of(String name, String text) {
    CStruct struct = new CStruct(name);
    for (String declaration : text.split(";")) {
      if (!declaration.isBlank()) struct.declare(declaration.strip());
    }
    struct.size = up(struct.size, struct.alignment);
    STRUCTS.put(name, struct);
    return struct;
  }

  private void declare(String declaration) {
    int comma = declaration.indexOf(',');
    int typeEnd = declaration.lastIndexOf(' ', comma < 0 ? declaration.length() : comma);
    String type = declaration.substring(0, typeEnd).strip();
    for (String each : declaration.substring(typeEnd).split(",")) add(type, each.strip());
  }

  private void add(String type, String declared) {
    int bracket = declared.indexOf('[');
    int elements = bracket < 0 ? 0 : Integer.parseInt(declared.substring(bracket + 1, declared.length() - 1));
    Layout layout = layoutOf(type);
    long offset = up(size, layout.alignment);
    members.put(bracket < 0 ? declared : declared.substring(0, bracket), new Member(type, offset, elements));
    size = offset + layout.size * Math.max(1, elements);
    alignment = Math.max(alignment, layout.alignment);
  }

  private static Layout layoutOf(String type) {
    CStruct nested = STRUCTS.get(type);
    if (nested != null) return new Layout(nested.size, nested.alignment);
    Layout scalar = SCALARS.get(type);
    if (scalar == null) throw new IllegalArgumentException("unknown C type '" + type + "'");
    return scalar;
  }

  private static long up(long value, long alignment) {
    return (value + alignment - 1) / alignment * alignment;
  }

  /** The struct with this name; null if there is none. */
  static synchronized CStruct named(String name) {
    return STRUCTS.get(name);
  }

  /** The name of the C type. */
  String name() {
    return name;
  }

  /** Its sizeof. */
  long size() {
    return size;
  }

  /** The member with this name; null if there is none. */
  Member member(String member) {
    return members.get(member);
  }

  /** All members, in order. */
  Map<String, Member> members() {
    return members;
  }

  /** The offsetof of a member that exists. */
  long offset(String member) {
    Member found = members.get(member);
    if (found == null) throw new IllegalArgumentException(name + " has no member '" + member + "'");
    return found.offset;
  }
}
