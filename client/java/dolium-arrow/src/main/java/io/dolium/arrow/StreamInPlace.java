package io.dolium.arrow;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Arrow's stream format in one buffer: messages of metadata and body, one behind the other. The bodies are slices of the
 * buffer. (Arrow's own reader copies them.)
 */
final class StreamInPlace extends ArrowReader {
  private static final int CONTINUATION = 0xffffffff;

  private final ArrowBuf stream;
  private long position;

  /** Owns a count of the buffer. */
  StreamInPlace(ArrowBuf stream, BufferAllocator allocator) {
    super(allocator);
    this.stream = stream;
  }

  private record Part(Message message, ArrowBuf body) {}

  /** The next message; null at the end. The receiver releases the body. */
  private Part next() throws IOException {
    if (left() == 0) return null;
    int size = number();
    if (size == CONTINUATION) size = number();
    if (size == 0) return null;
    if (size < 0 || size > left()) throw new IOException("a message of " + size + " bytes ends behind the object");
    ByteBuffer metadata = stream.nioBuffer(position, size).order(ByteOrder.LITTLE_ENDIAN);
    position += size;
    Message message = Message.getRootAsMessage(metadata);
    long length = message.bodyLength();
    if (length < 0 || length > left()) throw new IOException("a body of " + length + " bytes ends behind the object");
    ArrowBuf body = stream.slice(position, length);
    body.getReferenceManager().retain();
    position += length;
    return new Part(message, body);
  }

  private long left() {
    return stream.capacity() - position;
  }

  private int number() throws IOException {
    if (left() < Integer.BYTES) throw new IOException("the object ends within a message");
    int value = stream.getInt(position);
    position += Integer.BYTES;
    return value;
  }

  @Override
  protected Schema readSchema() throws IOException {
    Part part = next();
    if (part == null) throw new IOException("the object has no schema");
    part.body.getReferenceManager().release();
    if (part.message.headerType() != MessageHeader.Schema) throw new IOException("the first message is no schema");
    return MessageSerializer.deserializeSchema(part.message);
  }

  @Override
  public boolean loadNextBatch() throws IOException {
    prepareLoadNextBatch();
    for (Part part = next(); part != null; part = next()) {
      byte type = part.message.headerType();
      if (type == MessageHeader.RecordBatch) {
        loadRecordBatch(MessageSerializer.deserializeRecordBatch(part.message, part.body));
        return true;
      }
      if (type != MessageHeader.DictionaryBatch) {
        part.body.getReferenceManager().release();
        throw new IOException("a message of kind " + type + " is neither a record batch nor a dictionary");
      }
      loadDictionary(MessageSerializer.deserializeDictionaryBatch(part.message, part.body));
    }
    return false;
  }

  @Override
  public long bytesRead() {
    return position;
  }

  @Override
  protected void closeReadSource() {
    if (stream.capacity() > 0) stream.getReferenceManager().release();
  }
}
