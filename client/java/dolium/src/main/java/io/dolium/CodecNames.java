package io.dolium;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads the name of a type of CODECS.md. */
final class CodecNames {
  private static final Map<String, Codec<?>> PLAIN = new HashMap<>();

  static {
    Codec<?>[] known = {
      Codec.BOOL, Codec.I8, Codec.U8, Codec.I16, Codec.U16, Codec.I32, Codec.U32, Codec.I64, Codec.U64, Codec.I128,
      Codec.U128, Codec.F16, Codec.F32, Codec.F64, Codec.C64, Codec.C128, Codec.UTF8, Codec.BYTES, Codec.BOOL_ARRAY,
      Codec.I8_ARRAY, Codec.U8_ARRAY, Codec.I16_ARRAY, Codec.U16_ARRAY, Codec.I32_ARRAY, Codec.U32_ARRAY,
      Codec.I64_ARRAY, Codec.U64_ARRAY, Codec.F16_ARRAY, Codec.F32_ARRAY, Codec.F64_ARRAY, Codec.C64_ARRAY,
      Codec.C128_ARRAY
    };
    for (Codec<?> each : known) PLAIN.put(each.name(), each);
  }

  private final String text;
  private int at;

  CodecNames(String text) {
    this.text = text;
  }

  Codec<?> whole() {
    Codec<?> codec = type();
    if (at != text.length()) throw unknown();
    return codec;
  }

  private Codec<?> type() {
    int begin = at;
    while (at < text.length() && Character.isLetterOrDigit(text.charAt(at))) ++at;
    String word = text.substring(begin, at);
    Codec<?> codec = at < text.length() && text.charAt(at) == '<' ? container(word) : PLAIN.get(word);
    if (codec == null) throw unknown();
    while (text.startsWith("[]", at)) {
      at += 2;
      Codec<?> numbers = PLAIN.get(codec.name() + "[]");
      codec = numbers != null ? numbers : Codec.arrayOf(codec);
    }
    return codec;
  }

  private Codec<?> container(String kind) {
    List<Codec<?>> parts = new ArrayList<>();
    do {
      ++at; // the bracket, or the comma
      parts.add(type());
    } while (at < text.length() && text.charAt(at) == ',');
    if (at == text.length() || text.charAt(at++) != '>') throw unknown();
    if (kind.equals("tuple")) return Codec.tupleOf(parts.toArray(new Codec<?>[0]));
    if (kind.equals("optional") && parts.size() == 1) return Codec.optionalOf(parts.get(0));
    if (kind.equals("map") && parts.size() == 2) return Codec.mapOf(parts.get(0), parts.get(1));
    throw unknown();
  }

  private IllegalArgumentException unknown() {
    return new IllegalArgumentException("'" + text + "' is no type of CODECS.md");
  }
}
