package io.dolium;

import static io.dolium.Kind.bytes;
import static io.dolium.Kind.id;

import java.util.Arrays;

/**
 * Java's part of the matrix of languages (tests/conformance/README.md): {@code Matrix put LANGUAGE} puts the objects,
 * {@code Matrix get LANGUAGE} reads those of another language. DOLIUM_SOCKET names the socket.
 */
final class Matrix {
  private static final double[] NUMBERS = {1.5, -2, 0.25};
  private static final String WORDS = "grüße, 世界";

  private Matrix() {}

  public static void main(String[] arguments) {
    try (DoliumClient client = DoliumClient.connect()) {
      if (arguments[0].equals("put")) put(client, arguments[1] + "/");
      else get(client, arguments[1] + "/");
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
