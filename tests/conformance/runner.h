#ifndef DOLIUM_TESTS_CONFORMANCE_RUNNER_H
#define DOLIUM_TESTS_CONFORMANCE_RUNNER_H
// The conformance suite's runner in C. README.md describes the steps. runner.c has the scenarios, their stores and
// variables; steps_*.c has the steps.

#include <dolium/dolium_c.h>

#include "json.h"

typedef enum VariableKind {
  a_client,
  an_object,
  a_builder,
  a_subscription,
  a_ticket,
  an_operation,
  a_description
} VariableKind;

/// What a callback was given.
typedef struct Operation {
  bool called;
  dolium_code code;
  dolium_object object;
  dolium_builder* builder;
  dolium_error error;
  dolium_async* handle;
} Operation;

/// What a step has named with "as", until the end of the scenario.
typedef struct Variable {
  VariableKind kind;
  char name[32];
  dolium_store* client;
  dolium_object object;
  dolium_builder* builder;
  dolium_subscription* subscription;
  char ticket[DOLIUM_TICKET_TEXT_SIZE];
  dolium_object_info description;
  Operation* operation;
} Variable;

typedef dolium_code (*StepBody)(const Json* step);
typedef struct Step {
  const char* op;
  StepBody body;
} Step;
/// Ended by an op of NULL.
extern const Step write_steps[], read_steps[], report_steps[], async_steps[];

/// The text of the last failure.
extern dolium_error why;

/// Ends the program: names the line, the scenario and what is wrong.
void fail_step(const char* format, ...);
#define EXPECT(condition, ...) ((condition) ? (void)0 : fail_step(__VA_ARGS__))

/// The store of the step's "client", or the scenario's own.
dolium_store* client_of(const Json* step);
const char* socket_path(void);
Variable* new_variable(VariableKind kind, const char* name);
/// The variable that the step names under this key. It must be there.
Variable* variable_of(const Json* step, const char* key, VariableKind kind);
void end_variable(Variable* variable);

dolium_id id_named(const char* name);
dolium_id id_of(const Json* step);
int64_t timeout_of(const Json* step);
uint64_t tag_of(const char* type);
/// "data", "hex" or "zeros" of the step; the caller frees it. NULL: the step has none of them.
char* bytes_of(const Json* step, size_t* size);
/// Of the step's "options"; they view it until the next call.
const dolium_create_options* options_of(const Json* step);
/// Compares the object with the step's "data", "size", "metadata", "type". Keeps it under "as", or releases it.
void check_object(const Json* step, const dolium_object* object);
void keep_or_release(const Json* step, dolium_object object);

#endif
