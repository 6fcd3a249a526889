// Steps with events and callbacks.

#include "runner.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static dolium_code subscribe(const Json* step) {
  return dolium_subscribe(client_of(step), &new_variable(a_subscription, json_text_at(step, "as", ""))->subscription,
                          &why);
}

static dolium_code next(const Json* step) {
  static const char* const kinds[] = {"", "sealed", "removed", "overflow"};
  static const char* const causes[] = {"", "removed", "evicted", "expired", "cleared"};
  dolium_event event;
  event.struct_size = sizeof event;
  const int64_t timeout = json_at(step, "timeout_ms") == NULL ? INT64_C(60000000000) : timeout_of(step);
  const dolium_code code =
      dolium_subscription_next(variable_of(step, "subscription", a_subscription)->subscription, timeout, &event, &why);
  if (code != DOLIUM_OK) return code;
  const Json* const wanted = json_at(step, "event");
  const dolium_id id = id_of(wanted);
  EXPECT(strcmp(kinds[event.kind], json_text_at(wanted, "kind", "")) == 0, "event of kind %s", kinds[event.kind]);
  EXPECT(memcmp(&event.id, &id, sizeof id) == 0, "event of another object");
  EXPECT(strcmp(causes[event.removal], json_text_at(wanted, "cause", "")) == 0, "cause %s", causes[event.removal]);
  EXPECT((int64_t)event.data_size == json_number_at(wanted, "size", (int64_t)event.data_size), "another size");
  EXPECT(strcmp(event.label, json_text_at(wanted, "label", event.label)) == 0, "label \"%s\"", event.label);
  return code;
}

static void got(void* user, dolium_code code, const dolium_object* object, const dolium_error* error) {
  Operation* const operation = user;
  operation->called = true;
  operation->code = code;
  if (object != NULL) operation->object = *object;
  if (error != NULL) operation->error = *error;
}

static void created(void* user, dolium_code code, dolium_builder* builder, const dolium_error* error) {
  got(user, code, NULL, error);
  ((Operation*)user)->builder = builder;
}

static Operation* new_operation(const Json* step) {
  Operation* const made = calloc(1, sizeof *made);
  if (made == NULL) abort();
  new_variable(an_operation, json_text_at(step, "as", ""))->operation = made;
  return made;
}

static dolium_code get_async(const Json* step) {
  const dolium_id id = id_of(step);
  Operation* const made = new_operation(step);
  return dolium_get_async(client_of(step), &id, timeout_of(step), got, made, NULL, &made->handle, &why);
}

static dolium_code take_async(const Json* step) {
  const dolium_id id = id_of(step);
  Operation* const made = new_operation(step);
  return dolium_take_async(client_of(step), &id, timeout_of(step), got, made, NULL, &made->handle, &why);
}

static dolium_code create_async(const Json* step) {
  const dolium_id id = id_of(step);
  Operation* const made = new_operation(step);
  return dolium_create_async(client_of(step), &id, (uint64_t)json_number_at(step, "size", 0), options_of(step), created,
                             made, NULL, &made->handle, &why);
}

static void process(const Json* step) {
  EXPECT(dolium_process_events(client_of(step), &why) == DOLIUM_OK, "%s", why.message);
}

static dolium_code outcome(const Json* step) {
  Operation* const operation = variable_of(step, "operation", an_operation)->operation;
  while (!operation->called) {
    // An in-process store has no thread: its deadlines are seen by process_events().
    struct pollfd ready = {dolium_event_fd(client_of(step)), POLLIN, 0};
    poll(&ready, 1, 10);
    process(step);
  }
  why = operation->error;
  if (operation->code != DOLIUM_OK) return operation->code;
  if (operation->builder != NULL) {
    new_variable(a_builder, json_text_at(step, "builder", ""))->builder = operation->builder;
    operation->builder = NULL;
    return DOLIUM_OK;
  }
  check_object(step, &operation->object);
  keep_or_release(step, operation->object);
  memset(&operation->object, 0, sizeof operation->object);
  return DOLIUM_OK;
}

static dolium_code not_called(const Json* step) {
  process(step);
  EXPECT(!variable_of(step, "operation", an_operation)->operation->called, "the callback was called");
  return DOLIUM_OK;
}

static dolium_code cancel(const Json* step) {
  const bool done = dolium_async_cancel(variable_of(step, "operation", an_operation)->operation->handle);
  EXPECT(done == json_flag_at(step, "value", false), "cancel returned %d", done);
  return DOLIUM_OK;
}

const Step async_steps[] = {{"subscribe", subscribe},
                            {"next", next},
                            {"get_async", get_async},
                            {"take_async", take_async},
                            {"create_async", create_async},
                            {"outcome", outcome},
                            {"not_called", not_called},
                            {"cancel", cancel},
                            {NULL, NULL}};
