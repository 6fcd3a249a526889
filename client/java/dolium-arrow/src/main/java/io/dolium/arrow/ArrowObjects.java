package io.dolium.arrow;

import io.dolium.CreateOptions;
import io.dolium.DoliumObject;
import io.dolium.ObjectBuilder;
import io.dolium.ObjectId;
import io.dolium.ObjectStore;
import io.dolium.TypeNames;
import io.dolium.TypeMismatchException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.ForeignAllocation;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;

/**
 * Arrow tables as objects, in Arrow's stream format: what Python's {@code dolium} stores for a pyarrow Table or
 * RecordBatch, and reads.
 *
 * <p>Arrow's buffers do not know Java's scopes: memory that was released by Arrow's own count is not checked. Close
 * vectors and readers as Arrow demands it; the object may be closed before.
 */
public final class ArrowObjects {
  /** The type's name of a table: a stream of record batches. */
  public static final String TABLE = "arrow.table";

  /** The type's name of a stream with one record batch. */
  public static final String RECORD_BATCH = "arrow.record_batch";

  private ArrowObjects() {}

  /**
   * The object's bytes as an Arrow buffer, in place. The buffer holds a reference of its own until Arrow's count of it is
   * zero. It is read-only memory: a write is a SIGSEGV.
   *
   * @param object the object, which may be closed at once
   * @param allocator counts the bytes, which must be within its limit
   * @return a buffer, which the caller releases
   */
  public static ArrowBuf wrap(DoliumObject object, BufferAllocator allocator) {
    if (object.size() == 0) return allocator.getEmpty();
    DoliumObject held = object.retain();
    try {
      return allocator.wrapForeignAllocation(
          new ForeignAllocation(held.size(), held.data().address()) {
            @Override
            protected void release0() {
              held.close();
            }
          });
    } catch (RuntimeException error) {
      held.close();
      throw error;
    }
  }

  /**
   * Reads a table in place: the vectors' memory is the object's.
   *
   * @param object the object, which may be closed at once
   * @param allocator counts the bytes, which must be within its limit
   * @return a reader, which the caller closes; its vectors are valid until the next batch or the close
   * @throws TypeMismatchException if the object is neither a table, a record batch nor raw bytes
   */
  public static ArrowReader read(DoliumObject object, BufferAllocator allocator) {
    long tag = object.typeTag();
    if (tag != 0 && tag != TypeNames.tagOf(RECORD_BATCH)) object.checkType(TABLE);
    return new StreamInPlace(wrap(object, allocator), allocator);
  }

  /**
   * Stores the batch that is in a root, as a table.
   *
   * @param store the store
   * @param id the object's id
   * @param root the vectors
   * @param dictionaries of vectors that are encoded with dictionaries; null: none
   * @param options all but the type
   */
  public static void put(
      ObjectStore store, ObjectId id, VectorSchemaRoot root, DictionaryProvider dictionaries, CreateOptions options) {
    try {
      Counter counter = new Counter();
      write(root, dictionaries, counter);
      CreateOptions typed = options.type(TypeNames.tagOf(TABLE), TABLE);
      try (ObjectBuilder builder = store.create(id, counter.bytes, typed)) {
        write(root, dictionaries, builder.outputStream());
        builder.seal();
      }
    } catch (IOException error) {
      throw new AssertionError("neither stream can fail: the second has the size of the first", error);
    }
  }

  private static void write(VectorSchemaRoot root, DictionaryProvider dictionaries, OutputStream stream)
      throws IOException {
    // The close ends the writer's dictionary batches and the stream, but not the root.
    try (ArrowStreamWriter writer = new ArrowStreamWriter(root, dictionaries, Channels.newChannel(stream))) {
      writer.start();
      writer.writeBatch();
      writer.end();
    }
  }

  private static final class Counter extends OutputStream {
    private long bytes;

    @Override
    public void write(int value) {
      ++bytes;
    }

    @Override
    public void write(byte[] array, int offset, int length) {
      bytes += length;
    }
  }
}
