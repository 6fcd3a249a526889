// The matrix in C: README.md has the objects.
//   matrix_c put LANGUAGE | get LANGUAGE | time LANGUAGE

#define _POSIX_C_SOURCE 200809L  // clock_gettime()

#include <dolium/dolium_c.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static dolium_error why;

static void check(dolium_code code, const char* what) {
  if (code == DOLIUM_OK) return;
  fprintf(stderr, "matrix_c: %s: %s\n", what, why.message);
  exit(1);
}

static void expect(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "matrix_c: %s is another one\n", what);
  exit(1);
}

typedef struct Example {
  const char* name;
  const void* data;
  size_t size;
  const char* metadata;
  const char* type;
} Example;

static unsigned char all_bytes[256];
static const double numbers[] = {1.5, -2, 0.25};
static const char text[] = "gr\xc3\xbc\xc3\x9f" "e, \xe4\xb8\x96\xe7\x95\x8c";
static const Example examples[] = {{"raw", all_bytes, sizeof all_bytes, NULL, "bytes"},
                                   {"metadata", "salve", 5, "about it", "bytes"},
                                   {"f64[]", numbers, sizeof numbers, NULL, "f64[]"},
                                   {"utf8", text, sizeof text - 1, NULL, "utf8"},
                                   {"empty", NULL, 0, NULL, "bytes"}};

static dolium_id id_of(const char* language, const char* name) {
  char whole[64];
  snprintf(whole, sizeof whole, "%s/%s", language, name);
  dolium_id id;
  check(dolium_id_from_name(whole, strlen(whole), &id, &why), whole);
  return id;
}

static void put(dolium_store* store, const char* language, const Example* example) {
  const dolium_id id = id_of(language, example->name);
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  check(dolium_type_tag(example->type, strlen(example->type), &options.type_tag, &why), example->type);
  options.metadata = example->metadata;
  options.metadata_size = example->metadata == NULL ? 0 : strlen(example->metadata);
  check(dolium_put(store, &id, example->data, example->size, &options, NULL, &why), example->name);
}

static void get(dolium_store* store, const char* language, const Example* example) {
  const dolium_id id = id_of(language, example->name);
  dolium_object object;
  check(dolium_get(store, &id, 0, &object, &why), example->name);
  check(dolium_object_check_type(&object, example->type, strlen(example->type), &why), example->name);
  if (strcmp(example->type, "bytes") == 0) expect(object.type_tag == DOLIUM_TAG_BYTES, "the tag");
  expect(object.size == example->size, "the size");
  expect(object.size == 0 || memcmp(object.data, example->data, object.size) == 0, "the data");
  const size_t metadata_size = example->metadata == NULL ? 0 : strlen(example->metadata);
  // Only raw bytes have metadata of the matrix; a typed object may have a header of its language.
  if (object.type_tag == DOLIUM_TAG_BYTES) {
    expect(object.metadata_size == metadata_size, "the size of the metadata");
    expect(metadata_size == 0 || memcmp(object.metadata, example->metadata, metadata_size) == 0, "the metadata");
  }
  dolium_object_release(&object);
}

enum { kTimed = 1000, kTimedSize = 1024 };

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void time_gets(dolium_store* store, const char* language) {
  static char zeros[kTimedSize];
  static dolium_id ids[kTimed];
  for (int i = 0; i < kTimed; ++i) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    ids[i] = id_of(language, name);
    check(dolium_put(store, &ids[i], zeros, sizeof zeros, NULL, NULL, &why), "put");
  }
  for (long gets; scanf("%ld", &gets) == 1;) {
    const long long begin = now();
    for (long i = 0; i < gets; ++i) {
      dolium_object object;
      check(dolium_get(store, &ids[i % kTimed], 0, &object, &why), "get");
      expect(object.size == kTimedSize, "the size");
      dolium_object_release(&object);
    }
    printf("%lld\n", now() - begin);
    fflush(stdout);
  }
}

int main(int count, char** arguments) {
  if (count != 3) return fprintf(stderr, "usage: matrix_c put|get|time LANGUAGE\n"), 2;
  for (int i = 0; i < 256; ++i) all_bytes[i] = (unsigned char)i;
  dolium_store* store = NULL;
  check(dolium_connect(NULL, NULL, &store, &why), "connect");
  if (strcmp(arguments[1], "time") == 0) {
    time_gets(store, arguments[2]);
    dolium_close(store);
    return 0;
  }
  for (size_t i = 0; i < sizeof examples / sizeof *examples; ++i)
    (strcmp(arguments[1], "put") == 0 ? put : get)(store, arguments[2], &examples[i]);
  dolium_close(store);
  return 0;
}
