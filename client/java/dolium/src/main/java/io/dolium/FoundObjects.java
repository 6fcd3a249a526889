package io.dolium;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a get of many objects has found: a reference for each id, empty where the object is not there. */
record FoundObjects(List<Optional<DoliumObject>> objects) implements AutoCloseable {
  /** Takes over the references in an array of dolium_object. */
  static FoundObjects at(MemorySegment array, long count) {
    List<Optional<DoliumObject>> found = new ArrayList<>();
    for (long at = 0; at < count; ++at) {
      found.add(Optional.ofNullable(ObjectLease.at(array, at * Structs.OBJECT.size())).map(DoliumObject::new));
    }
    return new FoundObjects(found);
  }

  @Override
  public void close() {
    for (Optional<DoliumObject> each : objects) each.ifPresent(DoliumObject::close);
  }
}
