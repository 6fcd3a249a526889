package io.dolium;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The conformance suite: tests/conformance/README.md describes the steps. */
class ConformanceTest {
  private static final long CAPACITY = 16 << 20;

  private record Step(int line, JsonObject step) {}

  private record Scenario(JsonObject head, List<Step> steps) {}

  @TestFactory
  List<DynamicTest> scenarios() throws IOException {
    Path file = Path.of(System.getenv("DOLIUM_ROOT"), "tests/conformance/conformance.jsonl");
    assumeTrue(Files.exists(file), "there is no conformance.jsonl");
    List<Scenario> scenarios = new ArrayList<>();
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      ++number;
      JsonObject row = JsonParser.parseString(line).getAsJsonObject();
      if (row.has("scenario")) scenarios.add(new Scenario(row, new ArrayList<>()));
      else scenarios.getLast().steps.add(new Step(number, row));
    }
    List<DynamicTest> tests = new ArrayList<>();
    for (Scenario each : scenarios) {
      for (String kind : kinds(each.head)) {
        String name = each.head.get("scenario").getAsString() + " (" + kind + ")";
        tests.add(dynamicTest(name, () -> run(each, kind)));
      }
    }
    return tests;
  }

  private static List<String> kinds(JsonObject head) {
    if (!head.has("stores")) return List.of("process", "daemon");
    return head.getAsJsonArray("stores").asList().stream().map(JsonElement::getAsString).toList();
  }

  private static void run(Scenario scenario, String kind) throws Exception {
    if (kind.equals("process")) {
      try (InProcessStore store = InProcessStore.open(options(scenario.head))) {
        run(scenario, new ConformanceSteps(store, null));
      }
      return;
    }
    boolean spills = scenario.head.has("spill") && scenario.head.get("spill").getAsBoolean();
    String[] flags = flags(scenario.head);
    try (Daemon daemon = spills ? Daemon.startWithSpill(flags) : Daemon.start(flags);
        DoliumClient client = daemon.connect()) {
      run(scenario, new ConformanceSteps(client, daemon));
    }
  }

  private static void run(Scenario scenario, ConformanceSteps steps) throws Exception {
    try {
      for (Step each : scenario.steps) {
        try {
          String expected = each.step.has("is") ? each.step.get("is").getAsString() : "ok";
          assertEquals(expected, steps.outcome(each.step));
        } catch (Throwable error) {
          throw new AssertionError("conformance.jsonl, line " + each.line + ": " + each.step, error);
        }
      }
    } finally {
      steps.endAll();
    }
  }

  private static long number(JsonObject head, String name, long otherwise) {
    return head.has(name) ? head.get(name).getAsLong() : otherwise;
  }

  private static String policy(JsonObject head) {
    return head.has("eviction_policy") ? head.get("eviction_policy").getAsString() : "lru";
  }

  private static OpenOptions options(JsonObject head) {
    return new OpenOptions(
        number(head, "capacity", CAPACITY),
        (int) number(head, "max_objects", 0),
        EvictionPolicy.valueOf(policy(head).toUpperCase(Locale.ROOT)),
        0,
        0,
        number(head, "max_pinned_bytes_per_user", 0),
        true,
        false,
        false);
  }

  private static String[] flags(JsonObject head) {
    List<String> flags = new ArrayList<>();
    flags.add("--capacity=" + number(head, "capacity", CAPACITY));
    flags.add("--eviction-policy=" + policy(head));
    for (String name : List.of("max_objects", "max_pinned_bytes_per_user")) {
      if (head.has(name)) flags.add("--" + name.replace('_', '-') + "=" + head.get(name).getAsLong());
    }
    return flags.toArray(new String[0]);
  }
}
