package io.dolium.arrow;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dolium.Codec;
import io.dolium.CreateOptions;
import io.dolium.DoliumObject;
import io.dolium.InProcessStore;
import io.dolium.ObjectId;
import io.dolium.ObjectStore;
import io.dolium.TypeMismatchException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ArrowObjectsTest {
  private static final ObjectId ID = ObjectId.fromName("table");
  private static final int ROWS = 10_000;

  private final InProcessStore store = InProcessStore.open(16 << 20);
  private final BufferAllocator allocator = new RootAllocator();

  @AfterEach
  void nothingIsHeld() {
    assertEquals(0, store.stats().inUseCount());
    allocator.close(); // throws if a buffer was not released
    store.close();
  }

  private void putTable() {
    try (IntVector numbers = new IntVector("numbers", allocator);
        VarCharVector words = new VarCharVector("words", allocator);
        VectorSchemaRoot root = VectorSchemaRoot.of(numbers, words)) {
      for (int i = 0; i < ROWS; ++i) {
        numbers.setSafe(i, i);
        if (i % 3 != 0) words.setSafe(i, ("word " + i).getBytes(StandardCharsets.UTF_8));
      }
      root.setRowCount(ROWS);
      ArrowObjects.put(store, ID, root, null, CreateOptions.DEFAULT.label("a table"));
    }
  }

  @Test
  void aTableIsReadInPlace() throws IOException {
    putTable();
    assertEquals("arrow.table", store.metadata(ID).typeName());
    long begin;
    long end;
    ArrowReader reader;
    try (DoliumObject object = store.get(ID)) {
      begin = object.data().address();
      end = begin + object.size();
      reader = ArrowObjects.read(object, allocator);
    }
    store.remove(ID); // the reader holds it
    try (reader) {
      assertTrue(reader.loadNextBatch());
      VectorSchemaRoot root = reader.getVectorSchemaRoot();
      assertEquals(ROWS, root.getRowCount());
      IntVector numbers = (IntVector) root.getVector("numbers");
      VarCharVector words = (VarCharVector) root.getVector("words");
      assertEquals(ROWS - 1, numbers.get(ROWS - 1));
      assertEquals("word 7", words.getObject(7).toString());
      assertTrue(words.isNull(9));
      for (ArrowBuf each : List.of(numbers.getDataBuffer(), words.getDataBuffer(), words.getOffsetBuffer())) {
        assertTrue(each.memoryAddress() >= begin && each.memoryAddress() < end, "the buffer is a copy");
      }
      assertFalse(reader.loadNextBatch());
    }
  }

  @Test
  void dictionariesAreReadToo() throws IOException {
    DictionaryEncoding encoding = new DictionaryEncoding(1, false, null);
    try (VarCharVector colours = new VarCharVector("colours", allocator);
        VarCharVector plain = new VarCharVector("plain", allocator)) {
      colours.setSafe(0, "red".getBytes(StandardCharsets.UTF_8));
      colours.setSafe(1, "blue".getBytes(StandardCharsets.UTF_8));
      colours.setValueCount(2);
      for (int i = 0; i < 10; ++i) plain.setSafe(i, (i % 3 == 0 ? "red" : "blue").getBytes(StandardCharsets.UTF_8));
      plain.setValueCount(10);
      Dictionary dictionary = new Dictionary(colours, encoding);
      DictionaryProvider provider = new DictionaryProvider.MapDictionaryProvider(dictionary);
      try (VectorSchemaRoot root =
          VectorSchemaRoot.of((org.apache.arrow.vector.FieldVector) DictionaryEncoder.encode(plain, dictionary))) {
        ArrowObjects.put(store, ID, root, provider, CreateOptions.DEFAULT);
      }
    }
    try (DoliumObject object = store.get(ID);
        ArrowReader reader = ArrowObjects.read(object, allocator)) {
      assertTrue(reader.loadNextBatch());
      Dictionary dictionary = reader.getDictionaryVectors().get(1L);
      try (VarCharVector plain =
          (VarCharVector) DictionaryEncoder.decode(reader.getVectorSchemaRoot().getVector(0), dictionary)) {
        assertEquals("red", plain.getObject(3).toString());
        assertEquals("blue", plain.getObject(4).toString());
      }
    }
  }

  @Test
  void aBufferHoldsTheObject() {
    store.put(ID, new double[] {1, 2, 3}, Codec.F64_ARRAY);
    ArrowBuf buffer;
    try (DoliumObject object = store.get(ID)) {
      buffer = ArrowObjects.wrap(object, allocator);
    }
    assertEquals(24, allocator.getAllocatedMemory());
    assertEquals(3, buffer.getDouble(16));
    assertEquals(1, store.metadata(ID).refCount());
    buffer.close();
    assertEquals(0, store.metadata(ID).refCount());
    store.put(ObjectId.fromName("empty"), new byte[0]);
    try (DoliumObject object = store.get(ObjectId.fromName("empty"));
        ArrowBuf empty = ArrowObjects.wrap(object, allocator)) {
      assertEquals(0, empty.capacity());
    }
  }

  @Test
  void anAllocatorsLimitAndAnotherTypeAreErrors() {
    store.put(ID, new double[100], Codec.F64_ARRAY);
    try (BufferAllocator small = allocator.newChildAllocator("small", 0, 100);
        DoliumObject object = store.get(ID)) {
      assertThrows(OutOfMemoryException.class, () -> ArrowObjects.wrap(object, small));
      assertThrows(TypeMismatchException.class, () -> ArrowObjects.read(object, allocator));
      assertEquals(1, store.metadata(ID).refCount());
    }
  }

  @Test
  void bytesThatAreNoStreamAreErrors() {
    byte[][] wrong = {
      {}, {1, 2}, {-1, -1, -1, -1}, {-1, -1, -1, -1, 100, 0, 0, 0, 1}, {0, 0, 0, 0}, {-2, -1, -1, -1, 0, 0, 0, 0}
    };
    for (byte[] each : wrong) {
      ((ObjectStore) store).put(ID, each);
      try (DoliumObject object = store.get(ID);
          ArrowReader reader = ArrowObjects.read(object, allocator)) {
        assertThrows(IOException.class, reader::loadNextBatch);
      } catch (IOException error) {
        throw new AssertionError(error);
      }
      store.remove(ID);
    }
  }
}
