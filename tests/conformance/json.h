#ifndef DOLIUM_TESTS_CONFORMANCE_JSON_H
#define DOLIUM_TESTS_CONFORMANCE_JSON_H
// The JSON of conformance.jsonl, read into a tree. A malformed text ends the program: the file is ours.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum JsonKind { json_null, json_bool, json_number, json_text, json_array, json_object } JsonKind;

typedef struct Json {
  JsonKind kind;
  bool flag;
  int64_t number;
  char* text;  // terminated; UTF-8
  size_t size;
  char* key;           // in an object
  struct Json* first;  // of an array or object
  struct Json* next;
} Json;

/// The caller frees it.
Json* json_read(const char* text);
void json_free(Json* value);

/// The member of an object; NULL if `object` is NULL or has none.
const Json* json_at(const Json* object, const char* key);
const char* json_text_at(const Json* object, const char* key, const char* otherwise);
int64_t json_number_at(const Json* object, const char* key, int64_t otherwise);
bool json_flag_at(const Json* object, const char* key, bool otherwise);
size_t json_count(const Json* array);

#endif
