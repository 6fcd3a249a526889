// The conformance suite in C: each scenario with each kind of store that it names.
//   conformance_c FILE DOLIUMD

#define _GNU_SOURCE
#include "runner.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

dolium_error why;

static const char* doliumd;
static struct {
  const char* name;
  const char* kind;  // "process" or "daemon"
  int line;
  dolium_store* store;
  pid_t daemon;
  char directory[64];
  char socket[96];
  Variable variables[64];
  size_t count;
} now;

void fail_step(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "line %d: scenario \"%s\" (%s): ", now.line, now.name, now.kind);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

const char* socket_path(void) {
  return now.socket;
}

// ---- variables ----

Variable* new_variable(VariableKind kind, const char* name) {
  EXPECT(now.count < sizeof now.variables / sizeof *now.variables, "too many variables");
  Variable* const made = &now.variables[now.count++];
  memset(made, 0, sizeof *made);
  made->kind = kind;
  snprintf(made->name, sizeof made->name, "%s", name);
  return made;
}

Variable* variable_of(const Json* step, const char* key, VariableKind kind) {
  const char* const name = json_text_at(step, key, "");
  for (size_t i = now.count; i-- > 0;)  // the latest of its name
    if (now.variables[i].kind == kind && strcmp(now.variables[i].name, name) == 0) return &now.variables[i];
  fail_step("there is no %s \"%s\"", key, name);
  return NULL;
}

void end_variable(Variable* variable) {
  dolium_object_release(&variable->object);
  dolium_builder_abort(variable->builder, NULL);
  variable->builder = NULL;
  dolium_subscription_free(variable->subscription);
  variable->subscription = NULL;
  if (variable->operation != NULL) {
    dolium_async_cancel(variable->operation->handle);
    dolium_async_free(variable->operation->handle);
    dolium_object_release(&variable->operation->object);
    dolium_builder_abort(variable->operation->builder, NULL);
    free(variable->operation);
    variable->operation = NULL;
  }
  dolium_close(variable->client);
  variable->client = NULL;
  variable->name[0] = '\0';
}

dolium_store* client_of(const Json* step) {
  return json_at(step, "client") == NULL ? now.store : variable_of(step, "client", a_client)->client;
}

// ---- arguments ----

dolium_id id_named(const char* name) {
  dolium_id id;
  EXPECT(dolium_id_from_name(name, strlen(name), &id, &why) == DOLIUM_OK, "%s", why.message);
  return id;
}

dolium_id id_of(const Json* step) {
  return id_named(json_text_at(step, "id", ""));
}

static int64_t nanoseconds(int64_t milliseconds) {
  return milliseconds < 0 ? -1 : milliseconds * 1000000;
}
int64_t timeout_of(const Json* step) {
  return nanoseconds(json_number_at(step, "timeout_ms", 0));
}

uint64_t tag_of(const char* type) {
  uint64_t tag = 0;
  EXPECT(dolium_type_tag(type, strlen(type), &tag, &why) == DOLIUM_OK, "%s", why.message);
  return tag;
}

char* bytes_of(const Json* step, size_t* size) {
  const Json* const data = json_at(step, "data");
  const char* const hex = json_text_at(step, "hex", NULL);
  *size = data != NULL ? data->size : hex != NULL ? strlen(hex) / 2 : (size_t)json_number_at(step, "zeros", 0);
  if (data == NULL && hex == NULL && json_at(step, "zeros") == NULL) return NULL;
  char* const bytes = calloc(*size + 1, 1);
  if (bytes == NULL) abort();
  if (data != NULL) memcpy(bytes, data->text, *size);
  for (size_t i = 0; hex != NULL && i < *size; ++i) {
    unsigned byte = 0;
    sscanf(hex + 2 * i, "%2x", &byte);
    bytes[i] = (char)byte;
  }
  return bytes;
}

const dolium_create_options* options_of(const Json* step) {
  static dolium_create_options out;
  static char zeros[1 << 17];
  memset(&out, 0, sizeof out);
  out.struct_size = sizeof out;
  const Json* const given = json_at(step, "options");
  out.label = json_text_at(given, "label", NULL);
  out.type_name = json_text_at(given, "type", NULL);
  if (out.type_name != NULL) out.type_tag = tag_of(out.type_name);
  out.metadata = json_text_at(given, "metadata", NULL);
  if (out.metadata != NULL) out.metadata_size = strlen(out.metadata);
  if (json_at(given, "metadata_zeros") != NULL) {
    out.metadata = zeros;
    out.metadata_size = (size_t)json_number_at(given, "metadata_zeros", 0);
  }
  if (json_flag_at(given, "pinned", false)) out.flags |= DOLIUM_CREATE_PINNED;
  out.time_to_live_ns = nanoseconds(json_number_at(given, "time_to_live_ms", 0));
  out.time_to_idle_ns = nanoseconds(json_number_at(given, "time_to_idle_ms", 0));
  out.grace_ns = nanoseconds(json_number_at(given, "grace_ms", 0));
  out.grace_readers = (uint32_t)json_number_at(given, "grace_readers", 0);
  out.timeout_ns = nanoseconds(json_number_at(given, "timeout_ms", 0));
  const char* const retention = json_text_at(given, "retention", "");
  if (strcmp(retention, "cache") == 0) out.retention = DOLIUM_RETENTION_CACHE;
  if (strcmp(retention, "keep") == 0) out.retention = DOLIUM_RETENTION_KEEP;
  return &out;
}

void check_object(const Json* step, const dolium_object* object) {
  size_t size = 0;
  char* const bytes = bytes_of(step, &size);
  if (bytes != NULL)
    EXPECT(object->size == size && memcmp(object->data, bytes, size) == 0, "other bytes: %llu of them",
           (unsigned long long)object->size);
  free(bytes);
  const int64_t wanted = json_number_at(step, "size", -1);
  EXPECT(wanted < 0 || object->size == (uint64_t)wanted, "size %llu", (unsigned long long)object->size);
  const Json* const metadata = json_at(step, "metadata");
  if (metadata != NULL)
    EXPECT(object->metadata_size == metadata->size && memcmp(object->metadata, metadata->text, metadata->size) == 0,
           "other metadata: %llu bytes", (unsigned long long)object->metadata_size);
  const char* const type = json_text_at(step, "type", NULL);
  if (type != NULL) EXPECT(object->type_tag == tag_of(type), "tag %016llx", (unsigned long long)object->type_tag);
}

void keep_or_release(const Json* step, dolium_object object) {
  const char* const name = json_text_at(step, "as", NULL);
  if (name == NULL)
    dolium_object_release(&object);
  else
    new_variable(an_object, name)->object = object;
}

// ---- scenarios ----

static void start_daemon(const Json* scenario) {
  strcpy(now.directory, "/tmp/dolium-conformance-XXXXXX");
  EXPECT(mkdtemp(now.directory) != NULL, "mkdtemp");
  snprintf(now.socket, sizeof now.socket, "%s/socket", now.directory);
  char flags[4][64], spill[128];
  snprintf(flags[0], sizeof flags[0], "--capacity=%lld", (long long)json_number_at(scenario, "capacity", 16 << 20));
  snprintf(flags[1], sizeof flags[1], "--max-objects=%lld", (long long)json_number_at(scenario, "max_objects", 0));
  snprintf(flags[2], sizeof flags[2], "--max-pinned-bytes-per-user=%lld",
           (long long)json_number_at(scenario, "max_pinned_bytes_per_user", 0));
  snprintf(flags[3], sizeof flags[3], "--eviction-policy=%s", json_text_at(scenario, "eviction_policy", "lru"));
  strcpy(spill, "--spill-directory=");
  if (json_flag_at(scenario, "spill", false)) {
    const size_t name = strlen(spill);
    snprintf(spill + name, sizeof spill - name, "%s/spill", now.directory);
    EXPECT(mkdir(spill + name, 0700) == 0, "mkdir");
  }
  now.daemon = fork();
  if (now.daemon != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // also when a step fails
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, 1);
  dup2(nowhere, 2);
  execl(doliumd, doliumd, "--socket", now.socket, "--prefault=false", flags[0], flags[1], flags[2], flags[3], spill,
        (char*)NULL);
  _exit(127);
}

static void open_scenario(const Json* scenario) {
  if (strcmp(now.kind, "daemon") == 0) {
    start_daemon(scenario);
    dolium_connect_options patient = DOLIUM_CONNECT_OPTIONS_INIT;
    patient.connect_timeout_ns = INT64_C(60000000000);
    EXPECT(dolium_connect(now.socket, &patient, &now.store, &why) == DOLIUM_OK, "%s", why.message);
    return;
  }
  dolium_open_options options = DOLIUM_OPEN_OPTIONS_INIT;
  options.capacity = (uint64_t)json_number_at(scenario, "capacity", 16 << 20);
  options.max_objects = (uint32_t)json_number_at(scenario, "max_objects", 0);
  options.max_pinned_bytes_per_user = (uint64_t)json_number_at(scenario, "max_pinned_bytes_per_user", 0);
  const char* const policy = json_text_at(scenario, "eviction_policy", "lru");
  options.eviction_policy = strcmp(policy, "fifo") == 0       ? DOLIUM_EVICT_FIFO
                            : strcmp(policy, "lfu") == 0      ? DOLIUM_EVICT_LFU
                            : strcmp(policy, "adaptive") == 0 ? DOLIUM_EVICT_ADAPTIVE
                                                              : DOLIUM_EVICT_LRU;
  EXPECT(dolium_open(&options, &now.store, &why) == DOLIUM_OK, "%s", why.message);
}

static void close_scenario(void) {
  while (now.count > 0) end_variable(&now.variables[--now.count]);
  dolium_close(now.store);
  now.store = NULL;
  if (now.daemon <= 0) return;
  int status = 0;
  kill(now.daemon, SIGTERM);
  waitpid(now.daemon, &status, 0);
  now.daemon = 0;
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "doliumd ended with status %d", status);
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", now.directory);
  EXPECT(system(command) == 0, "%s", command);
}

static dolium_code run_op(const Json* step) {
  const char* const op = json_text_at(step, "op", "");
  const Step* const tables[] = {write_steps, read_steps, report_steps, async_steps};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; ++i)
    for (const Step* each = tables[i]; each->op != NULL; ++each)
      if (strcmp(each->op, op) == 0) return each->body(step);
  fail_step("there is no op \"%s\"", op);
  return DOLIUM_OK;
}

static void run_step(const Json* step) {
  const char* const expected = json_text_at(step, "is", "ok");
  memset(&why, 0, sizeof why);
  const char* const got = dolium_code_name(run_op(step));
  EXPECT(strcmp(got, expected) == 0, "%s, not %s: %s", got, expected, why.message);
  const char* const cause = json_text_at(step, "cause", NULL);
  if (cause != NULL) EXPECT(strcmp(dolium_cause_name(why.cause), cause) == 0, "cause %s", dolium_cause_name(why.cause));
}

static bool has_kind(const Json* scenario, const char* kind) {
  const Json* const kinds = json_at(scenario, "stores");
  if (kinds == NULL) return true;
  for (const Json* each = kinds->first; each != NULL; each = each->next)
    if (strcmp(each->text, kind) == 0) return true;
  return false;
}

/// lines[begin] is the scenario, up to `end` are its steps.
static int run_scenario(Json** lines, int begin, int end, const char* kind) {
  now.kind = kind;
  now.name = json_text_at(lines[begin], "scenario", "");
  now.line = begin + 1;
  open_scenario(lines[begin]);
  for (int i = begin + 1; i < end; ++i) {
    now.line = i + 1;
    run_step(lines[i]);
  }
  close_scenario();
  return end - begin - 1;
}

int main(int count, char** arguments) {
  static Json* lines[4096];
  static char line[1 << 16];
  FILE* const file = count == 3 ? fopen(arguments[1], "r") : NULL;
  if (file == NULL) return fprintf(stderr, "usage: conformance_c FILE DOLIUMD\n"), 2;
  doliumd = arguments[2];
  int size = 0, steps = 0, scenarios = 0;
  while (size < 4096 && fgets(line, sizeof line, file) != NULL) lines[size++] = json_read(line);
  fclose(file);
  for (int begin = 0, end = 0; begin < size; begin = end) {
    for (end = begin + 1; end < size && json_at(lines[end], "scenario") == NULL;) ++end;
    if (has_kind(lines[begin], "process")) steps += run_scenario(lines, begin, end, "process");
    if (has_kind(lines[begin], "daemon")) steps += run_scenario(lines, begin, end, "daemon");
    ++scenarios;
  }
  for (int i = 0; i < size; ++i) json_free(lines[i]);
  printf("c: %d scenarios, %d steps\n", scenarios, steps);
  return 0;
}
