package io.dolium;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class LibraryTest {
  /** Run in a JVM of its own. */
  public static void main(String[] arguments) {
    try {
      InProcessStore.open(1 << 20).close();
      System.out.println("opened");
    } catch (UnsatisfiedLinkError error) {
      System.out.println(error.getMessage());
    }
  }

  private static String run(String library) throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String classes = Path.of("target/classes") + ":" + Path.of("target/test-classes");
    List<String> command =
        List.of(java, "--enable-native-access=ALL-UNNAMED", "-Ddolium.library=" + library, "-cp", classes, "io.dolium.LibraryTest");
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = String.join("\n", process.inputReader().lines().toList());
    assertEquals(0, process.waitFor(), output);
    return output;
  }

  @Test
  void aLibraryThatIsNotThereIsAnErrorThatSaysWhatToDo() throws Exception {
    String text = run("/nowhere/libdolium_c.so.0");
    assertTrue(text.startsWith("cannot load /nowhere/libdolium_c.so.0: install"), text);
    assertTrue(text.contains("-Ddolium.library=PATH"), text);
  }

  @Test
  void thePropertyNamesTheLibrary() throws Exception {
    assertEquals("opened", run(System.getenv("DOLIUM_LIBRARY")));
  }
}
