// Runs tests by their names, and opens their stores. Without a name: all of them.
//   c_tests [NAME]...

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

typedef struct Test {
  const char* name;
  TestBody body;
} Test;
static Test tests[256];
static size_t test_count;
static const char* running;  // the test
static Kind running_kind;

dolium_error why;

void register_test(const char* name, TestBody body) {
  if (test_count == sizeof tests / sizeof *tests) abort();
  tests[test_count].name = name;
  tests[test_count++].body = body;
}

void fail_check(const char* file, int line, const char* what, const char* detail) {
  fprintf(stderr, "%s:%d: \"%s\" (%s): %s%s%s\n", file, line, running, running_kind == in_process ? "in process" : "daemon",
          what, detail == NULL ? "" : ": ", detail == NULL ? "" : detail);
  exit(1);
}

void check_code(const char* file, int line, const char* what, dolium_code got, dolium_code expected) {
  if (got == expected) return;
  char text[DOLIUM_ERROR_TEXT_SIZE + 128];
  snprintf(text, sizeof text, "%s, not %s: %s", dolium_code_name(got), dolium_code_name(expected),
           got == DOLIUM_OK ? "" : why.message);
  fail_check(file, line, what, text);
}

// ---- stores ----

static pid_t daemon_pid;
static char directory[64];

static void start_daemon(const dolium_open_options* options, char* socket, size_t size) {
  strcpy(directory, "/tmp/dolium-c-XXXXXX");
  if (mkdtemp(directory) == NULL) fail_check(__FILE__, __LINE__, "mkdtemp", strerror(errno));
  snprintf(socket, size, "%s/socket", directory);
  char capacity[64], pinned[64], objects[64];
  snprintf(capacity, sizeof capacity, "--capacity=%llu", (unsigned long long)(options->capacity));
  snprintf(pinned, sizeof pinned, "--max-pinned-bytes-per-user=%llu",
           (unsigned long long)(options->max_pinned_bytes_per_user));
  snprintf(objects, sizeof objects, "--max-objects=%lu", (unsigned long)options->max_objects);
  const char* program = getenv("DOLIUM_DOLIUMD");
  if (program == NULL) fail_check(__FILE__, __LINE__, "DOLIUM_DOLIUMD names no doliumd", NULL);
  daemon_pid = fork();
  if (daemon_pid < 0) fail_check(__FILE__, __LINE__, "fork", strerror(errno));
  if (daemon_pid != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // also when the test fails
  char log[80];
  snprintf(log, sizeof log, "%s/log", directory);
  const int out = open(log, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  dup2(out, 1);
  dup2(out, 2);
  execl(program, program, "--socket", socket, capacity, pinned, objects, "--prefault=false", (char*)NULL);
  _exit(127);
}

static void stop_daemon(void) {
  int status = 0;
  kill(daemon_pid, SIGTERM);
  waitpid(daemon_pid, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  CHECK(system(command) == 0);
}

Store open_store(Kind kind, const dolium_open_options* options) {
  Store store;
  memset(&store, 0, sizeof store);
  dolium_open_options wanted = DOLIUM_OPEN_OPTIONS_INIT;
  if (options != NULL) wanted = *options;
  if (wanted.capacity == 0) wanted.capacity = 16 * MIB;
  if (kind == in_process) {
    CHECK_OK(dolium_open(&wanted, &store.mine, &why));
    store.other = store.mine;
    return store;
  }
  start_daemon(&wanted, store.socket, sizeof store.socket);
  dolium_connect_options how = DOLIUM_CONNECT_OPTIONS_INIT;
  how.connect_timeout_ns = PATIENCE;
  how.name = "mine";
  CHECK_OK(dolium_connect(store.socket, &how, &store.mine, &why));
  how.name = "other";
  CHECK_OK(dolium_connect(store.socket, &how, &store.other, &why));
  return store;
}

/// Nothing may be left: no reference, no builder, no wait. The end of another client takes a moment to arrive.
static void check_nothing_left(Store* store) {
  dolium_store_stats stats;
  stats.struct_size = sizeof stats;
  for (int tries = 0; tries < 10000; ++tries) {
    CHECK_OK(dolium_stats(store->mine, &stats, &why));
    if (stats.in_use_count == 0 && stats.unsealed_count == 0 && stats.waiting_gets == 0) return;
  }
  fail_check(__FILE__, __LINE__, "the test leaves references, builders or waits", NULL);
}

void close_store(Store* store) {
  check_nothing_left(store);
  dolium_close(store->mine);
  if (store->socket[0] == '\0') return;
  dolium_close(store->other);
  stop_daemon();
}

// ---- what tests share ----

dolium_id id_of(const char* name) {
  dolium_id id;
  CHECK_OK(dolium_id_from_name(name, strlen(name), &id, &why));
  return id;
}

int holds_text(const dolium_object* object, const char* text) {
  return dolium_object_holds(object) && object->size == strlen(text) && memcmp(object->data, text, strlen(text)) == 0;
}

int run_in_child(void (*body)(void* argument), void* argument, int* signal, char* said, size_t capacity) {
  int ends[2];
  if (pipe(ends) != 0) fail_check(__FILE__, __LINE__, "pipe", strerror(errno));
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    body(argument);
    _exit(0);
  }
  close(ends[1]);
  size_t size = 0;
  char rest[256];
  for (;;) {
    const int keeps = said != NULL && size + 1 < capacity;
    const ssize_t got = read(ends[0], keeps ? said + size : rest, keeps ? capacity - 1 - size : sizeof rest);
    if (got <= 0) break;
    if (keeps) size += (size_t)got;
  }
  if (said != NULL) said[size] = '\0';
  close(ends[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  if (signal != NULL) *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// ---- the run ----

static void run(const Test* test) {
  running = test->name;
  for (running_kind = in_process;; running_kind = daemon_store) {
    test->body(running_kind);
    if (running_kind == daemon_store) break;
  }
  printf("ok: %s\n", test->name);
  fflush(stdout);  // children of fork() have what is not written yet
}

static int is_wanted(const char* name, int count, char** names) {
  for (int i = 1; i < count; ++i)
    if (strcmp(names[i], name) == 0) return 1;
  return count == 1;
}

int main(int count, char** names) {
  int found = 0;
  for (size_t i = 0; i < test_count; ++i) {
    if (!is_wanted(tests[i].name, count, names)) continue;
    run(&tests[i]);
    ++found;
  }
  if (found == 0 || (count > 1 && found != count - 1)) {
    fprintf(stderr, "c_tests: there is no such test\n");
    return 1;
  }
  return 0;
}
