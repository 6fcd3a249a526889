package io.dolium;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The contents of a ticket. A ticket is a reference as text, for another process: see {@link ObjectStore#ticket}.
 *
 * @param id the object
 * @param typeName its type; {@code "bytes"} for raw bytes
 * @param storeNumber a number of the store in which it was made; 0: unknown
 */
public record Ticket(ObjectId id, String typeName, long storeNumber) {
  private static final CStruct STRUCT = Structs.TICKET_INFO;

  /**
   * Reads a ticket.
   *
   * @param ticket the text
   * @return what it says
   * @throws DoliumException {@link ErrorCode#INVALID_ARGUMENT} if the text is no ticket
   */
  public static Ticket parse(String ticket) {
    Scratch scratch = Scratch.take();
    try (Text text = new Text(ticket);
        Arena arena = Arena.ofConfined()) {
      MemorySegment info = arena.allocate(STRUCT.size(), 8);
      info.set(JAVA_LONG, 0, STRUCT.size());
      int code = (int) Native.TICKET_READ.invokeExact(text.address(), text.size(), info.address(), scratch.error());
      if (code != 0) throw scratch.failure(code);
      byte[] name = new byte[info.get(JAVA_INT, STRUCT.offset("type_name_size"))];
      MemorySegment.copy(info, ScalarCodecs.BYTE, STRUCT.offset("type_name"), name, 0, name.length);
      return new Ticket(
          Scratch.idAt(info, STRUCT.offset("id")),
          new String(name, java.nio.charset.StandardCharsets.UTF_8),
          info.get(JAVA_LONG, STRUCT.offset("store_number")));
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    } finally {
      scratch.giveBack();
    }
  }
}
