package io.dolium;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** {@code map<K,V>}: laid out as {@code tuple<K[],V[]>}. */
final class MapCodec<K, V> implements Codec<Map<K, V>> {
  private final Codec<K> key;
  private final Codec<V> value;
  private final ListCodec<K> keys;
  private final ListCodec<V> values;
  private final long tag;

  MapCodec(Codec<K> key, Codec<V> value) {
    this.key = key;
    this.value = value;
    keys = new ListCodec<>(key);
    values = new ListCodec<>(value);
    tag = Tags.ofContainer("map", Tags.ofPart(key), Tags.ofPart(value));
  }

  @Override
  public String name() {
    return "map<" + key.name() + "," + value.name() + ">";
  }

  @Override
  public long tag() {
    return tag;
  }

  @Override
  public long alignment() {
    return Math.max(Parts.WORD, Math.max(keys.alignment(), values.alignment()));
  }

  @Override
  public long fixedSize() {
    return 0;
  }

  @Override
  public long size(Map<K, V> map) {
    long end = Parts.endBehind(2 * Parts.WORD, keys, new ArrayList<>(map.keySet()));
    return Parts.endBehind(end, values, new ArrayList<>(map.values()));
  }

  @Override
  public void encode(Map<K, V> map, MemorySegment bytes) {
    Parts.Writer writer = new Parts.Writer(bytes, 0, 2);
    writer.add(keys, new ArrayList<>(map.keySet()));
    writer.add(values, new ArrayList<>(map.values()));
  }

  @Override
  public Map<K, V> decode(MemorySegment bytes) {
    List<MemorySegment> both =
        Parts.read(this, bytes, 0, 2, part -> part == 0 ? keys.alignment() : values.alignment());
    List<MemorySegment> keyBytes = keys.parts(both.get(0));
    List<MemorySegment> valueBytes = values.parts(both.get(1));
    if (keyBytes.size() != valueBytes.size()) {
      throw Tags.malformed(this, keyBytes.size() + " keys and " + valueBytes.size() + " values");
    }
    Map<K, V> map = new LinkedHashMap<>();
    Set<ByteBuffer> seen = new HashSet<>(); // arrays as keys are not equal in Java, though their bytes are
    for (int i = 0; i < keyBytes.size(); ++i) {
      K each = key.decode(keyBytes.get(i));
      boolean fresh = seen.add(ByteBuffer.wrap(keyBytes.get(i).toArray(ValueLayout.JAVA_BYTE)));
      if (!fresh || map.containsKey(each)) throw Tags.malformed(this, "a key occurs twice");
      map.put(each, value.decode(valueBytes.get(i)));
    }
    return map;
  }
}
