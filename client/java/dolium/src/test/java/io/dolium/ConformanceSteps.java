package io.dolium;

import static io.dolium.Kind.bytes;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** The steps of one scenario, with one store. */
final class ConformanceSteps {
  private final ObjectStore store;
  private final Daemon daemon; // null: an in-process store
  private final Map<String, AutoCloseable> named = new HashMap<>();
  private final Map<String, String> tickets = new HashMap<>();
  private final Map<String, ObjectInfo> descriptions = new HashMap<>();
  private final Map<String, CompletableFuture<?>> operations = new HashMap<>();

  ConformanceSteps(ObjectStore store, Daemon daemon) {
    this.store = store;
    this.daemon = daemon;
  }

  void endAll() throws Exception {
    for (CompletableFuture<?> each : operations.values()) each.cancel(true);
    for (AutoCloseable each : named.values()) each.close();
  }

  /** "ok", or the name of the error's code. */
  String outcome(JsonObject step) throws Exception {
    try {
      run(step);
      return "ok";
    } catch (DoliumException error) {
      if (step.has("cause")) assertEquals(step.get("cause").getAsString(), lower(error.refusal()));
      return lower(error.code());
    } catch (IllegalArgumentException error) {
      return "invalid_argument";
    }
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private void run(JsonObject step) throws Exception {
    switch (text(step, "op", "")) {
      case "connect" -> named.put(step.get("client").getAsString(), connect(step));
      case "close" -> end(step, "client");
      case "create" -> keep(step, client(step).create(id(step), step.get("size").getAsLong(), options(step)));
      case "write" -> builder(step).write(data(step).orElseThrow());
      case "seal" -> seal(step);
      case "abort" -> end(step, "builder");
      case "put" -> put(step);
      case "put_many" -> putMany(step);
      case "put_deferred" -> client(step).putDeferred(id(step), data(step).orElseThrow(), options(step));
      case "flush" -> flush(step);
      case "pin" -> client(step).pin(id(step));
      case "unpin" -> client(step).unpin(id(step));
      case "extend_grace" ->
          client(step).extendGrace(id(step), Duration.ofMillis(step.get("ms").getAsLong()), (int) number(step, "readers", 1));
      case "remove" -> assertEquals(flag(step, "removed"), client(step).remove(id(step)));
      case "evict" ->
          assertEquals(number(step, "object_bytes", 0), client(step).evict(step.get("bytes").getAsLong()).objectBytes());
      case "remove_described" ->
          assertEquals(
              flag(step, "removed"), client(step).remove(descriptions.get(step.get("object").getAsString())));
      case "trim" -> client(step).trim();
      case "clear" -> client(step).clear();
      case "ping" -> client(step).ping();
      case "subscribe" -> keep(step, client(step).subscribe());
      case "next" -> next(step);
      default -> read(step);
    }
  }

  private void read(JsonObject step) throws Exception {
    switch (text(step, "op", "")) {
      case "get" -> check(step, client(step).get(id(step), timeout(step)));
      case "try_get" -> tryGet(step);
      case "get_many" -> getMany(step);
      case "wait" ->
          assertFlags(step.get("there"), client(step).waitFor(ids(step), (int) number(step, "enough", 0), timeout(step)));
      case "take" ->
          check(step, client(step).take(id(step), TypeNames.tagOf(text(step, "type", "bytes")), timeout(step)));
      case "check" -> look(step, (DoliumObject) named.get(step.get("object").getAsString()));
      case "release" -> end(step, "object");
      case "retain" -> keep(step, ((DoliumObject) named.get(step.get("object").getAsString())).retain());
      case "exists" -> assertEquals(flag(step, "value"), client(step).exists(id(step)));
      case "exists_many" -> assertFlags(step.get("values"), client(step).exists(ids(step)));
      case "until_gone" -> Kind.eventually(() -> !client(step).exists(id(step)));
      default -> report(step);
    }
  }

  private void report(JsonObject step) throws Exception {
    switch (text(step, "op", "")) {
      case "metadata" -> {
        ObjectInfo info = client(step).metadata(id(step));
        has(step, info);
        if (step.has("as")) descriptions.put(step.get("as").getAsString(), info);
      }
      case "stats" -> has(step, client(step).stats());
      case "until_tier" -> Kind.eventually(() -> tierIs(step, client(step).stats().tier()));
      case "list" -> list(step);
      case "clients" -> Kind.eventually(() -> client(step).clients().size() == step.get("count").getAsInt());
      case "id" -> assertEquals(step.get("hex").getAsString(), ObjectId.fromName(step.get("name").getAsString()).toString());
      case "id_from_hex" -> {
        String hex = step.get("hex").getAsString();
        assertEquals(text(step, "to", hex), ObjectId.parse(hex).toString());
      }
      case "tag" ->
          assertEquals(
              step.get("tag").getAsString(), HexFormat.of().toHexDigits(TypeNames.tagOf(step.get("type").getAsString())));
      case "ticket" ->
          tickets.put(step.get("as").getAsString(), client(step).ticket(id(step), step.get("type").getAsString()));
      case "ticket_get" ->
          check(
              step,
              client(step).getTicket(tickets.get(step.get("ticket").getAsString()), text(step, "type", null), timeout(step)));
      case "ticket_text" ->
          assertEquals(Ticket.parse(step.get("text").getAsString()).id().toString(), text(step, "hex", ""));
      default -> asynchronous(step);
    }
  }

  private void asynchronous(JsonObject step) throws Exception {
    switch (text(step, "op", "")) {
      case "get_async" -> begin(step, client(step).getAsync(id(step), timeout(step)));
      case "take_async" -> begin(step, client(step).takeAsync(id(step), timeout(step)));
      case "create_async" ->
          begin(step, client(step).createAsync(id(step), step.get("size").getAsLong(), options(step)));
      case "outcome" -> operationOutcome(step);
      case "not_called" -> assertTrue(!operation(step).isDone() || operation(step).isCancelled());
      case "cancel" -> assertEquals(flag(step, "value"), !operation(step).isDone() && operation(step).cancel(true));
      default -> throw new AssertionError("there is no such step");
    }
  }

  // ---- members of a step

  private static String text(JsonObject step, String name, String otherwise) {
    return step.has(name) ? step.get(name).getAsString() : otherwise;
  }

  private static long number(JsonObject step, String name, long otherwise) {
    return step.has(name) ? step.get(name).getAsLong() : otherwise;
  }

  private static boolean flag(JsonObject step, String name) {
    return step.has(name) && step.get(name).getAsBoolean();
  }

  private static ObjectId id(JsonObject step) {
    return ObjectId.fromName(step.get("id").getAsString());
  }

  private static List<ObjectId> ids(JsonObject step) {
    return step.getAsJsonArray("ids").asList().stream().map(each -> ObjectId.fromName(each.getAsString())).toList();
  }

  private static Duration timeout(JsonObject step) {
    return milliseconds(number(step, "timeout_ms", 0));
  }

  private static Duration milliseconds(long value) {
    return value < 0 ? ObjectStore.FOREVER : Duration.ofMillis(value);
  }

  private static Optional<byte[]> data(JsonObject step) {
    if (step.has("data")) return Optional.of(bytes(step.get("data").getAsString()));
    if (step.has("hex")) return Optional.of(HexFormat.of().parseHex(step.get("hex").getAsString()));
    return step.has("zeros") ? Optional.of(new byte[step.get("zeros").getAsInt()]) : Optional.empty();
  }

  private static CreateOptions options(JsonObject step) {
    CreateOptions options = CreateOptions.DEFAULT;
    if (!step.has("options")) return options;
    JsonObject given = step.getAsJsonObject("options");
    options = options.label(text(given, "label", ""));
    if (given.has("type")) options = options.type(TypeNames.tagOf(text(given, "type", "")), text(given, "type", ""));
    if (given.has("metadata")) options = options.metadata(bytes(text(given, "metadata", "")));
    if (given.has("metadata_zeros")) options = options.metadata(new byte[(int) number(given, "metadata_zeros", 0)]);
    if (flag(given, "pinned")) options = options.pinned();
    options = options.timeToLive(milliseconds(number(given, "time_to_live_ms", 0)));
    options = options.timeToIdle(milliseconds(number(given, "time_to_idle_ms", 0)));
    options = options.grace(milliseconds(number(given, "grace_ms", 0)), (int) number(given, "grace_readers", 0));
    if (given.has("retention")) options = options.retention(Retention.valueOf(text(given, "retention", "").toUpperCase()));
    return options.timeout(milliseconds(number(given, "timeout_ms", 0)));
  }

  private DoliumClient connect(JsonObject step) {
    ConnectOptions options = ConnectOptions.DEFAULT;
    return DoliumClient.connect(daemon.socket(), flag(step, "read_only") ? options.readOnly() : options);
  }

  private ObjectStore client(JsonObject step) {
    return step.has("client") ? (ObjectStore) named.get(step.get("client").getAsString()) : store;
  }

  private ObjectBuilder builder(JsonObject step) {
    return (ObjectBuilder) named.get(step.get("builder").getAsString());
  }

  private void end(JsonObject step, String member) throws Exception {
    named.remove(step.get(member).getAsString()).close();
  }

  private void keep(JsonObject step, AutoCloseable result) throws Exception {
    if (step.has("as")) named.put(step.get("as").getAsString(), result);
    else result.close();
  }

  // ---- steps

  private void seal(JsonObject step) throws Exception {
    ObjectBuilder builder = builder(step);
    if (step.has("as")) keep(step, builder.sealAndGet());
    else builder.seal();
  }

  private void put(JsonObject step) throws Exception {
    byte[] data = data(step).orElseThrow();
    if (step.has("as")) keep(step, client(step).putAndGet(id(step), MemorySegment.ofArray(data), options(step)));
    else client(step).put(id(step), data, options(step));
  }

  private void putMany(JsonObject step) {
    List<PutItem> items =
        step.getAsJsonArray("items").asList().stream()
            .map(JsonElement::getAsJsonObject)
            .map(each -> new PutItem(id(each), data(each).orElseThrow()))
            .toList();
    JsonArray failed = new JsonArray();
    for (PutFailure each : client(step).putMany(items)) {
      JsonArray pair = new JsonArray();
      pair.add(each.index());
      pair.add(lower(each.error().code()));
      failed.add(pair);
    }
    assertEquals(step.get("failed").toString(), failed.toString());
  }

  private void flush(JsonObject step) {
    List<String> expected =
        step.getAsJsonArray("failed").asList().stream()
            .map(JsonElement::getAsJsonArray)
            .map(pair -> ObjectId.fromName(pair.get(0).getAsString()) + " " + pair.get(1).getAsString())
            .toList();
    assertEquals(
        expected,
        client(step).flush().stream().map(each -> each.id() + " " + lower(each.error().code())).toList());
  }

  private void look(JsonObject step, DoliumObject object) {
    data(step).ifPresent(expected -> assertArrayEquals(expected, object.toByteArray()));
    if (step.has("size")) assertEquals(step.get("size").getAsLong(), object.size());
    if (step.has("metadata")) assertArrayEquals(bytes(step.get("metadata").getAsString()), object.metadata());
    if (step.has("type")) assertEquals(TypeNames.tagOf(step.get("type").getAsString()), object.typeTag());
  }

  private void check(JsonObject step, DoliumObject object) throws Exception {
    look(step, object);
    keep(step, object);
  }

  private void tryGet(JsonObject step) throws Exception {
    Optional<DoliumObject> found = client(step).tryGet(id(step));
    assertEquals(flag(step, "found"), found.isPresent());
    if (found.isPresent()) check(step, found.get());
  }

  private void getMany(JsonObject step) {
    List<Optional<DoliumObject>> found =
        client(step).getMany(ids(step), (int) number(step, "enough", 0), timeout(step));
    boolean[] there = new boolean[found.size()];
    for (int i = 0; i < there.length; ++i) {
      there[i] = found.get(i).isPresent();
      found.get(i).ifPresent(DoliumObject::close);
    }
    assertFlags(step.get("found"), there);
  }

  private static void assertFlags(JsonElement expected, boolean[] found) {
    if (expected == null) return;
    boolean[] values = new boolean[expected.getAsJsonArray().size()];
    for (int i = 0; i < values.length; ++i) values[i] = expected.getAsJsonArray().get(i).getAsBoolean();
    assertArrayEquals(values, found);
  }

  private void list(JsonObject step) {
    JsonObject given = step.has("filter") ? step.getAsJsonObject("filter") : new JsonObject();
    ObjectFilter filter =
        new ObjectFilter(
            text(given, "label_prefix", ""),
            text(given, "type_name", ""),
            ObjectState.valueOf(text(given, "state", "any").toUpperCase(Locale.ROOT)),
            0);
    Set<ObjectId> found = client(step).list(filter).stream().map(ObjectInfo::id).collect(Collectors.toSet());
    assertEquals(Set.copyOf(ids(step)), found);
  }

  private static boolean tierIs(JsonObject step, SpillTier tier) {
    long records = tier == null ? 0 : tier.records();
    return tierName(tier).equals(text(step, "state", "")) && records == number(step, "records", records);
  }

  private static String tierName(SpillTier tier) {
    return tier == null ? "none" : lower(tier.state());
  }

  private static void has(JsonObject step, Record found) throws ReflectiveOperationException {
    for (Map.Entry<String, JsonElement> each : step.getAsJsonObject("has").entrySet()) {
      String name = each.getKey().endsWith("_ms") ? each.getKey().substring(0, each.getKey().length() - 3) : each.getKey();
      StringBuilder accessor = new StringBuilder();
      for (String word : name.split("_")) {
        accessor.append(accessor.isEmpty() ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
      }
      Object value = found.getClass().getMethod(accessor.toString()).invoke(found);
      if (value instanceof Duration duration) value = duration.toMillis();
      if (value instanceof Enum<?> constant) value = lower(constant);
      if (name.equals("tier")) value = tierName((SpillTier) value);
      assertEquals(each.getValue().getAsString(), value.toString(), each.getKey());
    }
  }

  private void next(JsonObject step) throws InterruptedException {
    Subscription events = (Subscription) named.get(step.get("subscription").getAsString());
    Optional<StoreEvent> event = events.next(milliseconds(number(step, "timeout_ms", 60_000)));
    if (event.isEmpty()) throw DoliumException.of(ErrorCode.TIMED_OUT.number(), 0, 0, "no event");
    JsonObject expected = step.getAsJsonObject("event");
    assertEquals(text(expected, "kind", ""), lower(event.get().kind()));
    assertEquals(id(expected), event.get().id());
    assertEquals(text(expected, "cause", "none"), lower(event.get().removal()));
    if (expected.has("size")) assertEquals(expected.get("size").getAsLong(), event.get().dataSize());
    if (expected.has("label")) assertEquals(expected.get("label").getAsString(), event.get().label());
  }

  private void begin(JsonObject step, CompletableFuture<?> operation) {
    operations.put(step.get("as").getAsString(), operation);
  }

  private CompletableFuture<?> operation(JsonObject step) {
    return operations.get(step.get("operation").getAsString());
  }

  private void operationOutcome(JsonObject step) throws Exception {
    try {
      Object result = operation(step).get(60, TimeUnit.SECONDS);
      if (result instanceof DoliumObject object) check(step, object);
      else if (step.has("builder")) named.put(step.get("builder").getAsString(), (AutoCloseable) result);
      else assertFalse(step.has("builder"));
    } catch (ExecutionException failure) {
      if (failure.getCause() instanceof DoliumException error) throw error;
      throw failure;
    }
  }
}
