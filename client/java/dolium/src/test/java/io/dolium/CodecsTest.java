package io.dolium;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The types that all languages share, by the examples of codecs.json. */
class CodecsTest {
  static JsonObject file() throws IOException {
    return JsonParser.parseString(Files.readString(Path.of(System.getenv("DOLIUM_ROOT"), "client/codecs.json")))
        .getAsJsonObject();
  }

  static List<JsonElement> examples() throws IOException {
    return file().getAsJsonArray("examples").asList();
  }

  static List<JsonElement> malformed() throws IOException {
    return file().getAsJsonArray("malformed").asList();
  }

  @SuppressWarnings("unchecked")
  private static Codec<Object> codec(JsonObject example) {
    return (Codec<Object>) Codec.named(example.get("name").getAsString());
  }

  private static MemorySegment bytes(JsonObject example) {
    return MemorySegment.ofArray(HexFormat.of().parseHex(example.get("bytes").getAsString()));
  }

  @Test
  void scalarsHaveTheTagsOfTheTable() throws IOException {
    for (JsonElement each : file().getAsJsonArray("scalars")) {
      JsonObject scalar = each.getAsJsonObject();
      Codec<Object> codec = codec(scalar);
      assertEquals(scalar.get("size").getAsLong(), codec.fixedSize(), codec::name);
      assertEquals(scalar.get("alignment").getAsLong(), codec.alignment(), codec::name);
      assertEquals(scalar.get("tag").getAsString(), HexFormat.of().toHexDigits(codec.tag()));
      assertEquals(
          scalar.get("array_tag").getAsString(), HexFormat.of().toHexDigits(Codec.named(codec.name() + "[]").tag()));
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void examplesHaveTheirBytes(JsonElement each) {
    JsonObject example = each.getAsJsonObject();
    Codec<Object> codec = codec(example);
    assertEquals(example.get("name").getAsString(), codec.name());
    if (!codec.name().equals("bytes")) {
      assertEquals(example.get("tag").getAsString(), HexFormat.of().toHexDigits(codec.tag()));
    }
    assertEquals(example.get("fixed_size").getAsLong(), codec.fixedSize());
    assertEquals(example.get("alignment").getAsLong(), codec.alignment());

    MemorySegment bytes = bytes(example);
    Object value = value(codec.name(), example.get("value"));
    assertEquals(bytes.byteSize(), codec.size(value));
    MemorySegment encoded = MemorySegment.ofArray(new byte[(int) bytes.byteSize()]).fill((byte) 0xee);
    codec.encode(value, encoded);
    assertArrayEquals(bytes.toArray(ValueLayout.JAVA_BYTE), encoded.toArray(ValueLayout.JAVA_BYTE));
    assertTrue(same(value, codec.decode(bytes)), () -> text(value) + " and " + text(codec.decode(bytes)));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void malformedBytesAreRefused(JsonElement each) {
    JsonObject example = each.getAsJsonObject();
    assertThrows(TypeMismatchException.class, () -> codec(example).decode(bytes(example)));
  }

  @ParameterizedTest
  @MethodSource("examples")
  void anyBytesAreAValueOrRefused(JsonElement each) {
    JsonObject example = each.getAsJsonObject();
    Codec<Object> codec = codec(example);
    byte[] bytes = bytes(example).toArray(ValueLayout.JAVA_BYTE);
    for (int size = 0; size < bytes.length; ++size) decodeOrRefuse(codec, Arrays.copyOf(bytes, size));
    for (int at = 0; at < bytes.length; ++at) {
      for (int value : new int[] {0, 1, 2, 0x7f, 0x80, 0xff}) {
        byte[] changed = bytes.clone();
        changed[at] = (byte) value;
        decodeOrRefuse(codec, changed);
      }
    }
  }

  private static void decodeOrRefuse(Codec<Object> codec, byte[] bytes) {
    try {
      codec.decode(MemorySegment.ofArray(bytes));
    } catch (TypeMismatchException refused) {
      assertTrue(refused.getMessage().contains("no value of type"), refused.getMessage());
    }
  }

  @Test
  void onlyNamesOfTheTableHaveACodec() {
    for (String name : List.of("", "acme.Graph", "f64[", "[]", "map<u8>", "tuple<>", "optional<u8", "f64 ", "vector<u8>")) {
      assertThrows(IllegalArgumentException.class, () -> Codec.named(name), name);
    }
  }

  @Test
  void numbersThatDoNotFitAreRefused() {
    MemorySegment bytes = MemorySegment.ofArray(new byte[16]);
    BigInteger large = BigInteger.ONE.shiftLeft(127);
    Codec.U128.encode(large, bytes);
    assertEquals(large, Codec.U128.decode(bytes));
    assertThrows(IllegalArgumentException.class, () -> Codec.I128.encode(large, bytes));
    assertThrows(IllegalArgumentException.class, () -> Codec.U128.encode(BigInteger.ONE.negate(), bytes));
    assertThrows(IllegalArgumentException.class, () -> Codec.tupleOf(Codec.I8).size(List.of((byte) 1, (byte) 2)));
    assertThrows(IllegalArgumentException.class, () -> Codec.tupleOf());
  }

  // ---- JSON to values, by the type's name

  private static Object value(String name, JsonElement json) {
    if (name.endsWith("[]")) return array(name.substring(0, name.length() - 2), json.getAsJsonArray());
    int bracket = name.indexOf('<');
    if (bracket >= 0) {
      return container(name.substring(0, bracket), parts(name.substring(bracket + 1, name.length() - 1)), json);
    }
    return switch (name) {
      case "bool" -> json.getAsBoolean();
      case "i8", "u8" -> integer(json).byteValue();
      case "i16", "u16" -> integer(json).shortValue();
      case "i32", "u32" -> integer(json).intValue();
      case "i64", "u64" -> integer(json).longValue();
      case "i128", "u128" -> integer(json);
      case "f16", "f32" -> json.getAsFloat();
      case "f64" -> json.getAsDouble();
      case "c64", "c128" -> new Complex(part(json, 0), part(json, 1));
      case "utf8" -> json.getAsString();
      case "bytes" -> HexFormat.of().parseHex(json.getAsString());
      default -> throw new AssertionError(name);
    };
  }

  private static BigInteger integer(JsonElement json) {
    return new BigDecimal(json.getAsString()).toBigIntegerExact();
  }

  private static double part(JsonElement json, int number) {
    return json.getAsJsonArray().get(number).getAsDouble();
  }

  private static Object array(String element, JsonArray json) {
    Class<?> primitive =
        switch (element) {
          case "bool" -> boolean.class;
          case "i8", "u8" -> byte.class;
          case "i16", "u16" -> short.class;
          case "i32", "u32" -> int.class;
          case "i64", "u64" -> long.class;
          case "f16", "f32", "c64" -> float.class;
          case "f64", "c128" -> double.class;
          default -> null;
        };
    if (primitive == null) return json.asList().stream().map(each -> value(element, each)).toList();
    boolean pairs = element.startsWith("c");
    Object array = Array.newInstance(primitive, json.size() * (pairs ? 2 : 1));
    for (int i = 0; i < Array.getLength(array); ++i) {
      double half = pairs ? part(json.get(i / 2), i % 2) : 0;
      if (element.equals("c64")) Array.setFloat(array, i, (float) half);
      else if (pairs) Array.setDouble(array, i, half);
      else Array.set(array, i, value(element, json.get(i)));
    }
    return array;
  }

  private static Object container(String kind, List<String> parts, JsonElement json) {
    if (kind.equals("optional")) return json.isJsonNull() ? Optional.empty() : Optional.of(value(parts.get(0), json));
    JsonArray values = json.getAsJsonArray();
    if (kind.equals("tuple")) {
      List<Object> tuple = new ArrayList<>();
      for (int i = 0; i < parts.size(); ++i) tuple.add(value(parts.get(i), values.get(i)));
      return tuple;
    }
    Map<Object, Object> map = new LinkedHashMap<>();
    for (JsonElement entry : values) {
      map.put(value(parts.get(0), entry.getAsJsonArray().get(0)), value(parts.get(1), entry.getAsJsonArray().get(1)));
    }
    return map;
  }

  private static List<String> parts(String names) {
    List<String> parts = new ArrayList<>();
    int depth = 0;
    int begin = 0;
    for (int i = 0; i < names.length(); ++i) {
      char each = names.charAt(i);
      if (each == '<') ++depth;
      if (each == '>') --depth;
      if (each == ',' && depth == 0) {
        parts.add(names.substring(begin, i));
        begin = i + 1;
      }
    }
    parts.add(names.substring(begin));
    return parts;
  }

  private static boolean same(Object a, Object b) {
    if (a instanceof List<?> list) {
      List<?> other = (List<?>) b;
      if (list.size() != other.size()) return false;
      for (int i = 0; i < list.size(); ++i) if (!same(list.get(i), other.get(i))) return false;
      return true;
    }
    if (a instanceof Map<?, ?> map) {
      Map<?, ?> other = (Map<?, ?>) b;
      return map.keySet().equals(other.keySet()) && map.keySet().stream().allMatch(key -> same(map.get(key), other.get(key)));
    }
    if (a instanceof Optional<?> optional) {
      Optional<?> other = (Optional<?>) b;
      return optional.isPresent() == other.isPresent() && (optional.isEmpty() || same(optional.get(), other.get()));
    }
    return Arrays.deepEquals(new Object[] {a}, new Object[] {b});
  }

  private static String text(Object value) {
    return Arrays.deepToString(new Object[] {value});
  }
}
