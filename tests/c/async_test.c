// Callbacks and subscriptions.

#define _POSIX_C_SOURCE 200809L
#include <poll.h>

#include "check.h"

/// What a callback was given, and how often it and the drop were called.
typedef struct Outcome {
  int called, dropped;
  dolium_code code;
  dolium_object object;
  dolium_builder* builder;
  char message[64];
} Outcome;

static void note(Outcome* outcome, dolium_code code, const dolium_error* error) {
  ++outcome->called;
  outcome->code = code;
  if (error != NULL) snprintf(outcome->message, sizeof outcome->message, "%.60s", error->message);
}
static void got(void* user, dolium_code code, const dolium_object* object, const dolium_error* error) {
  Outcome* outcome = user;
  note(outcome, code, error);
  if (object != NULL) outcome->object = *object;
}
static void created(void* user, dolium_code code, dolium_builder* builder, const dolium_error* error) {
  Outcome* outcome = user;
  note(outcome, code, error);
  outcome->builder = builder;
}
static void drop(void* user) { ++((Outcome*)user)->dropped; }

static void process_until_called(dolium_store* store, const Outcome* outcome) {
  while (!outcome->called) {
    struct pollfd ready = {dolium_event_fd(store), POLLIN, 0};
    CHECK(poll(&ready, 1, 60000) == 1);
    CHECK_OK(dolium_process_events(store, &why));
  }
}

/// The same for a get of three.
typedef struct ManyOutcome {
  Outcome outcome;
  size_t count;
  dolium_object objects[3];
} ManyOutcome;
static void got_many(void* user, dolium_code code, const dolium_object* objects, size_t count, const dolium_error* error) {
  ManyOutcome* many = user;
  note(&many->outcome, code, error);
  many->count = count;
  CHECK((objects == NULL) == (count == 0) && count <= 3);
  for (size_t i = 0; i < count; ++i) many->objects[i] = objects[i];
}
static void drop_many(void* user) { ++((ManyOutcome*)user)->outcome.dropped; }

TEST("c: a get of several objects waits in an event loop") {
  Store store = open_store(kind, NULL);
  const dolium_id ids[] = {id_of("first"), id_of("second"), id_of("never")};
  ManyOutcome many;
  memset(&many, 0, sizeof many);
  CHECK_OK(dolium_get_many_async(store.mine, ids, 3, 2, -1, got_many, &many, drop_many, NULL, &why));
  CHECK_OK(dolium_put(store.other, &ids[1], "second", 6, NULL, NULL, &why));
  CHECK_OK(dolium_process_events(store.mine, &why));
  CHECK(!many.outcome.called && !many.outcome.dropped);
  CHECK_OK(dolium_put(store.other, &ids[0], "first", 5, NULL, NULL, &why));
  process_until_called(store.mine, &many.outcome);
  CHECK(many.outcome.called == 1 && many.outcome.dropped == 1 && many.outcome.code == DOLIUM_OK && many.count == 3);
  CHECK(holds_text(&many.objects[0], "first") && holds_text(&many.objects[1], "second"));
  CHECK(!dolium_object_holds(&many.objects[2]));
  dolium_object_release(&many.objects[0]);
  dolium_object_release(&many.objects[1]);

  memset(&many, 0, sizeof many);
  CHECK_OK(dolium_get_many_async(store.mine, ids, 3, 0, 0, got_many, &many, drop_many, NULL, &why));  // all, no wait
  process_until_called(store.mine, &many.outcome);
  CHECK(many.outcome.code == DOLIUM_OK && holds_text(&many.objects[1], "second"));
  dolium_object_release(&many.objects[0]);
  dolium_object_release(&many.objects[1]);

  memset(&many, 0, sizeof many);
  CHECK_OK(dolium_get_many_async(store.mine, ids, 3, 4, 0, got_many, &many, drop_many, NULL, &why));
  process_until_called(store.mine, &many.outcome);
  CHECK(many.outcome.code == DOLIUM_INVALID_ARGUMENT && many.count == 0 && many.outcome.dropped == 1);

  memset(&many, 0, sizeof many);
  dolium_async* operation = NULL;
  CHECK_OK(dolium_get_many_async(store.mine, ids, 3, 0, -1, got_many, &many, drop_many, &operation, &why));
  CHECK(dolium_async_cancel(operation) && !many.outcome.called && many.outcome.dropped == 1);
  dolium_async_free(operation);
  CHECK_IS(dolium_get_many_async(store.mine, NULL, 3, 0, -1, got_many, &many, drop_many, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK(many.outcome.dropped == 2);
  close_store(&store);
}

TEST("c: a get waits in an event loop") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("later");
  Outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  CHECK_OK(dolium_get_async(store.mine, &id, -1, got, &outcome, drop, NULL, &why));
  CHECK_OK(dolium_process_events(store.mine, &why));
  CHECK(!outcome.called && !outcome.dropped);
  CHECK_OK(dolium_put(store.other, &id, "salve", 5, NULL, NULL, &why));
  process_until_called(store.mine, &outcome);
  CHECK(outcome.called == 1 && outcome.dropped == 1 && outcome.code == DOLIUM_OK);
  CHECK(holds_text(&outcome.object, "salve"));
  dolium_object_release(&outcome.object);

  memset(&outcome, 0, sizeof outcome);
  const dolium_id none = id_of("none");
  CHECK_OK(dolium_get_async(store.mine, &none, 0, got, &outcome, drop, NULL, &why));
  process_until_called(store.mine, &outcome);
  CHECK(outcome.code == DOLIUM_NOT_FOUND && outcome.message[0] != '\0' && outcome.dropped == 1);
  close_store(&store);
}

TEST("c: a take and a create in an event loop") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("made");
  Outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  options.metadata = "meta";
  options.metadata_size = 4;
  options.timeout_ns = PATIENCE;
  CHECK_OK(dolium_create_async(store.mine, &id, 5, &options, created, &outcome, drop, NULL, &why));
  process_until_called(store.mine, &outcome);
  CHECK(outcome.code == DOLIUM_OK && dolium_builder_size(outcome.builder) == 5);
  CHECK_OK(dolium_builder_write(outcome.builder, "salve", 5, &why));
  CHECK_OK(dolium_builder_seal(outcome.builder, NULL, &why));
  memset(&outcome, 0, sizeof outcome);
  CHECK_OK(dolium_create_async(store.mine, &id, 5, NULL, created, &outcome, drop, NULL, &why));
  process_until_called(store.mine, &outcome);
  CHECK(outcome.code == DOLIUM_ALREADY_EXISTS && outcome.builder == NULL);

  memset(&outcome, 0, sizeof outcome);
  CHECK_OK(dolium_take_async(store.mine, &id, PATIENCE, got, &outcome, drop, NULL, &why));
  process_until_called(store.mine, &outcome);
  CHECK(holds_text(&outcome.object, "salve") && outcome.object.metadata_size == 4);
  dolium_object_release(&outcome.object);
  bool exists = true;
  CHECK_OK(dolium_exists(store.mine, &id, &exists, &why));
  CHECK(!exists);
  close_store(&store);
}

TEST("c: a cancelled operation drops its data, and is not called") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("never");
  Outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  dolium_async* operation = NULL;
  CHECK_OK(dolium_get_async(store.mine, &id, -1, got, &outcome, drop, &operation, &why));
  CHECK(dolium_async_cancel(operation));
  CHECK(outcome.dropped == 1);
  CHECK(!dolium_async_cancel(operation));
  dolium_async_free(operation);
  dolium_async_free(NULL);
  CHECK(!dolium_async_cancel(NULL));
  CHECK_OK(dolium_put(store.mine, &id, "x", 1, NULL, NULL, &why));
  CHECK_OK(dolium_process_events(store.mine, &why));
  CHECK(outcome.called == 0 && outcome.dropped == 1);
  close_store(&store);
}

TEST("c: data are dropped once where the operation cannot begin, and at the end of the store") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("never");
  Outcome refused, pending;
  memset(&refused, 0, sizeof refused);
  memset(&pending, 0, sizeof pending);
  CHECK_IS(dolium_get_async(NULL, &id, -1, got, &refused, drop, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK(refused.dropped == 1);
  CHECK_IS(dolium_get_async(store.mine, &id, -1, NULL, &refused, drop, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK(refused.dropped == 2 && refused.called == 0);
  dolium_store* brief = NULL;
  if (kind == daemon_store)
    CHECK_OK(dolium_connect(store.socket, NULL, &brief, &why));
  else
    CHECK_OK(dolium_open(NULL, &brief, &why));
  CHECK_OK(dolium_get_async(brief, &id, -1, got, &pending, drop, NULL, &why));
  dolium_close(brief);
  CHECK(pending.dropped == 1 && pending.called == 0);
  close_store(&store);
}

/// Closes the store that called it.
static void close_it(void* user, dolium_code code, const dolium_object* object, const dolium_error* error) {
  (void)object, (void)error;
  CHECK(code == DOLIUM_NOT_FOUND);
  dolium_store** store = user;
  dolium_close(*store);
  *store = NULL;
}

TEST("c: a callback may close its store") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("none");
  dolium_store* brief = NULL;
  if (kind == daemon_store)
    CHECK_OK(dolium_connect(store.socket, NULL, &brief, &why));
  else
    CHECK_OK(dolium_open(NULL, &brief, &why));
  CHECK_OK(dolium_get_async(brief, &id, 0, close_it, &brief, NULL, NULL, &why));
  while (brief != NULL) {
    struct pollfd ready = {dolium_event_fd(brief), POLLIN, 0};
    CHECK(poll(&ready, 1, 60000) == 1);
    CHECK_OK(dolium_process_events(brief, &why));
  }
  close_store(&store);
}

static void expect_event(dolium_subscription* events, int32_t kind, const dolium_id* id, int32_t removal) {
  dolium_event event;
  event.struct_size = sizeof event;
  CHECK_OK(dolium_subscription_next(events, PATIENCE, &event, &why));
  CHECK(event.kind == kind && memcmp(&event.id, id, sizeof *id) == 0 && event.removal == removal);
}

TEST("c: events come in order, with label and cause") {
  Store store = open_store(kind, NULL);
  const dolium_id before = id_of("before"), after = id_of("after");
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  options.label = "epoch-1";
  CHECK_OK(dolium_put(store.mine, &before, "x", 1, &options, NULL, &why));
  dolium_subscription* events = NULL;
  CHECK_OK(dolium_subscribe(store.mine, &events, &why));
  dolium_event event;
  event.struct_size = sizeof event;
  CHECK_OK(dolium_subscription_next(events, PATIENCE, &event, &why));
  CHECK(event.kind == DOLIUM_EVENT_SEALED && strcmp(event.label, "epoch-1") == 0 && event.data_size == 1);
  CHECK_OK(dolium_put(store.other, &after, "xyz", 3, NULL, NULL, &why));
  CHECK_OK(dolium_remove(store.other, &before, NULL, &why));
  CHECK_OK(dolium_clear(store.other, &why));
  expect_event(events, DOLIUM_EVENT_SEALED, &after, 0);
  expect_event(events, DOLIUM_EVENT_REMOVED, &before, DOLIUM_REMOVAL_REMOVED);
  expect_event(events, DOLIUM_EVENT_REMOVED, &after, DOLIUM_REMOVAL_CLEARED);
  CHECK_IS(dolium_subscription_next(events, 0, &event, &why), DOLIUM_TIMED_OUT);
  dolium_subscription_free(events);
  close_store(&store);
}
