package io.dolium;

import static io.dolium.Kind.bytes;
import static io.dolium.Kind.id;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Scanner;
import java.util.function.ToLongFunction;

/**
 * Java's part of the matrix of languages (tests/conformance/README.md): {@code Matrix put LANGUAGE} puts the objects,
 * {@code Matrix get LANGUAGE} reads those of another language, {@code Matrix time LANGUAGE} times gets: of "java-read", with
 * {@link DoliumObject#read}; of "java-data", with {@link DoliumObject#data()}. DOLIUM_SOCKET names the socket.
 */
final class Matrix {
  private static final double[] NUMBERS = {1.5, -2, 0.25};
  private static final String WORDS = "grüße, 世界";

  private Matrix() {}

  public static void main(String[] arguments) {
    try (DoliumClient client = DoliumClient.connect()) {
      switch (arguments[0]) {
        case "put" -> put(client, arguments[1] + "/");
        case "get" -> get(client, arguments[1] + "/");
        default -> time(client, arguments[1]);
      }
    }
  }

  private static void time(DoliumClient client, String language) {
    ObjectId[] ids = new ObjectId[1000];
    for (int i = 0; i < ids.length; ++i) client.put(ids[i] = id(language + "/" + i), new byte[1024]);
    ToLongFunction<DoliumObject> look =
        switch (language) {
          case "java-read" -> object -> object.read(MemorySegment::byteSize);
          case "java-data" -> object -> object.data().byteSize();
          default -> DoliumObject::size;
        };
    for (Scanner numbers = new Scanner(System.in); numbers.hasNextInt(); ) {
      int gets = numbers.nextInt();
      long begin = System.nanoTime();
      for (int i = 0; i < gets; ++i) {
        try (DoliumObject object = client.get(ids[i % ids.length])) {
          require(look.applyAsLong(object) == 1024, "another size");
        }
      }
      System.out.println(System.nanoTime() - begin);
    }
  }

  private static byte[] everyByte() {
    byte[] bytes = new byte[256];
    for (int i = 0; i < bytes.length; ++i) bytes[i] = (byte) i;
    return bytes;
  }

  private static void put(DoliumClient client, String prefix) {
    client.put(id(prefix + "raw"), everyByte());
    client.put(id(prefix + "metadata"), bytes("salve"), CreateOptions.DEFAULT.metadata(bytes("about it")));
    client.put(id(prefix + "f64[]"), NUMBERS, Codec.F64_ARRAY);
    client.put(id(prefix + "utf8"), WORDS, Codec.UTF8);
    client.put(id(prefix + "empty"), new byte[0]);
  }

  private static void get(DoliumClient client, String prefix) {
    check(client, prefix + "raw", "bytes", everyByte(), new byte[0]);
    check(client, prefix + "metadata", "bytes", bytes("salve"), bytes("about it"));
    check(client, prefix + "utf8", "utf8", bytes(WORDS), new byte[0]);
    check(client, prefix + "empty", "bytes", new byte[0], new byte[0]);
    require(Arrays.equals(NUMBERS, client.get(id(prefix + "f64[]"), Codec.F64_ARRAY)), prefix + "f64[]: other numbers");
    require(WORDS.equals(client.get(id(prefix + "utf8"), Codec.UTF8)), prefix + "utf8: another text");
  }

  private static void check(DoliumClient client, String name, String type, byte[] data, byte[] metadata) {
    try (DoliumObject object = client.get(id(name))) {
      require(Arrays.equals(data, object.toByteArray()), name + ": other bytes");
      require(Arrays.equals(metadata, object.metadata()), name + ": other metadata");
      require(object.typeTag() == TypeNames.tagOf(type), name + ": another type");
    }
  }

  private static void require(boolean condition, String failure) {
    if (!condition) throw new AssertionError(failure);
  }
}
