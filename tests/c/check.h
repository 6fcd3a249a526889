#ifndef DOLIUM_TESTS_C_CHECK_H
#define DOLIUM_TESTS_C_CHECK_H
// The C interface is tested in C, as its users compile it. A program with all tests runs those whose names it is given.
//
//   TEST("c: an object is read in place") {
//     Store* store = open_store(kind);
//     CHECK_OK(dolium_put(store->mine, &id, "salve", 5, NULL, NULL, &why));
//
// Each test runs with each kind of store. CMake reads the names from the sources: one line each.

#include <dolium/dolium_c.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// in_process: a store of the test alone. daemon: a doliumd of the test's own.
typedef enum Kind { in_process, daemon_store } Kind;

typedef void (*TestBody)(Kind kind);
void register_test(const char* name, TestBody body);

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEST(name)                                                           \
  static void JOIN(body_, __LINE__)(Kind kind);                              \
  __attribute__((constructor)) static void JOIN(register_, __LINE__)(void) { \
    register_test(name, JOIN(body_, __LINE__));                              \
  }                                                                          \
  static void JOIN(body_, __LINE__)(Kind kind)

/// The text of the last failure; each CHECK_OK shows it.
extern dolium_error why;

void fail_check(const char* file, int line, const char* what, const char* detail);
#define CHECK(condition) ((condition) ? (void)0 : fail_check(__FILE__, __LINE__, #condition, NULL))
#define CHECK_IS(call, code) check_code(__FILE__, __LINE__, #call, (call), (code))
#define CHECK_OK(call) CHECK_IS(call, DOLIUM_OK)
/// The text of `why` must contain this.
#define CHECK_WHY(part) \
  (strstr(why.message, part) != NULL ? (void)0 : fail_check(__FILE__, __LINE__, part, why.message))
void check_code(const char* file, int line, const char* what, dolium_code got, dolium_code expected);

#define MIB (UINT64_C(1) << 20)
#define SECOND INT64_C(1000000000)
/// Bounds every wait that must not be in vain; never a measure of speed.
#define PATIENCE (60 * SECOND)
/// For waits that must be in vain.
#define SHORTLY (SECOND / 50)

/// One store, and two clients of it; in an in-process store they are the same.
typedef struct Store {
  dolium_store* mine;
  dolium_store* other;
  char socket[128];  // empty: in process
} Store;
/// 16 MiB, unless `options` say else. Closed by close_store(); all checks of the end are there.
Store open_store(Kind kind, const dolium_open_options* options);
void close_store(Store* store);

dolium_id id_of(const char* name);
/// Whether the object has exactly this text as its data.
int holds_text(const dolium_object* object, const char* text);
/// Runs `body` in a child of fork(). Returns its exit status, or -1 and the number of the signal.
int run_in_child(void (*body)(void* argument), void* argument, int* signal, char* said, size_t capacity);

#endif
