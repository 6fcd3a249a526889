package io.dolium;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The layouts of the structs are those of the C compiler. */
class StructsTest {
  @Test
  void membersLieWhereTheCompilerPutsThem(@TempDir Path folder) throws IOException, InterruptedException {
    Path include = Path.of(System.getenv("DOLIUM_ROOT"), "client/c/include");
    StringBuilder program = new StringBuilder("#include <dolium/dolium_c.h>\n#include <stdio.h>\nint main(void) {\n");
    List<String> expected = new ArrayList<>();
    for (CStruct struct : Structs.ALL) {
      program.append("printf(\"%%s %%zu\\n\", \"%1$s\", sizeof(%1$s));\n".formatted(struct.name()));
      expected.add(struct.name() + " " + struct.size());
      for (Map.Entry<String, CStruct.Member> member : struct.members().entrySet()) {
        program.append(
            "printf(\"%%s %%zu\\n\", \"%1$s.%2$s\", offsetof(%1$s, %2$s));\n".formatted(struct.name(), member.getKey()));
        expected.add(struct.name() + "." + member.getKey() + " " + member.getValue().offset());
      }
    }
    Path source = Files.writeString(folder.resolve("offsets.c"), program.append("return 0;\n}\n"));
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/cc")), "no C compiler");
    assertEquals(
        List.of(),
        run("/usr/bin/cc", "-I", include.toString(), source.toString(), "-o", folder.resolve("offsets").toString()));
    assertEquals(expected, run(folder.resolve("offsets").toString()));
  }

  private static List<String> run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    List<String> lines = process.inputReader().lines().toList();
    assertEquals(0, process.waitFor(), () -> String.join("\n", lines));
    return lines;
  }
}
