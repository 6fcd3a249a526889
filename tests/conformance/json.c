#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void malformed(const char* at) {
  fprintf(stderr, "malformed JSON at: %.60s\n", at);
  exit(2);
}

static const char* skip_blanks(const char* at) { return at + strspn(at, " \t\r\n"); }

static Json* new_value(JsonKind kind) {
  Json* value = calloc(1, sizeof *value);
  if (value == NULL) abort();
  value->kind = kind;
  return value;
}

/// \uXXXX of the basic plane, as UTF-8; json.dumps() of Python writes others as they are.
static char* put_unicode(char* out, unsigned code) {
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xc0 | code >> 6);
    *out++ = (char)(0x80 | (code & 0x3f));
  } else {
    *out++ = (char)(0xe0 | code >> 12);
    *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    *out++ = (char)(0x80 | (code & 0x3f));
  }
  return out;
}

/// Behind the opening quote. Returns the place behind the closing one.
static const char* read_text(const char* at, char** text, size_t* size) {
  char* out = *text = malloc(strlen(at) + 1);
  if (out == NULL) abort();
  for (; *at != '"'; ++at) {
    if (*at == '\0') malformed(at);
    if (*at != '\\') {
      *out++ = *at;
      continue;
    }
    const char* const from = "nrtbf", *const to = "\n\r\t\b\f";
    ++at;
    const char* known = *at == '\0' ? NULL : strchr(from, *at);
    if (*at == 'u') {
      unsigned code = 0;
      if (sscanf(at + 1, "%4x", &code) != 1) malformed(at);
      out = put_unicode(out, code);
      at += 4;
    } else {
      *out++ = known == NULL ? *at : to[known - from];
    }
  }
  *out = '\0';
  *size = (size_t)(out - *text);
  return at + 1;
}

static const char* read_value(const char* at, Json** out);

static const char* read_members(const char* at, Json* parent) {
  const char close = parent->kind == json_object ? '}' : ']';
  Json** last = &parent->first;
  at = skip_blanks(at);
  while (*at != close) {
    char* key = NULL;
    size_t size = 0;
    if (close == '}') {
      if (*at != '"') malformed(at);
      at = skip_blanks(read_text(at + 1, &key, &size));
      if (*at++ != ':') malformed(at);
    }
    at = skip_blanks(read_value(at, last));
    (*last)->key = key;
    last = &(*last)->next;
    if (*at == ',') at = skip_blanks(at + 1);
    else if (*at != close) malformed(at);
  }
  return at + 1;
}

static const char* read_value(const char* at, Json** out) {
  at = skip_blanks(at);
  switch (*at) {
    case '{': return read_members(at + 1, *out = new_value(json_object));
    case '[': return read_members(at + 1, *out = new_value(json_array));
    case '"': *out = new_value(json_text); return read_text(at + 1, &(*out)->text, &(*out)->size);
    case 't': *out = new_value(json_bool); (*out)->flag = true; return at + 4;
    case 'f': *out = new_value(json_bool); return at + 5;
    case 'n': *out = new_value(json_null); return at + 4;
    default: break;
  }
  char* end = NULL;
  *out = new_value(json_number);
  (*out)->number = strtoll(at, &end, 10);
  if (end == at) malformed(at);
  return end;
}

Json* json_read(const char* text) {
  Json* value = NULL;
  const char* const end = skip_blanks(read_value(text, &value));
  if (*end != '\0') malformed(end);
  return value;
}

void json_free(Json* value) {
  while (value != NULL) {
    Json* const next = value->next;
    json_free(value->first);
    free(value->text);
    free(value->key);
    free(value);
    value = next;
  }
}

const Json* json_at(const Json* object, const char* key) {
  if (object == NULL) return NULL;
  for (const Json* each = object->first; each != NULL; each = each->next)
    if (each->key != NULL && strcmp(each->key, key) == 0) return each;
  return NULL;
}

const char* json_text_at(const Json* object, const char* key, const char* otherwise) {
  const Json* const found = json_at(object, key);
  return found == NULL || found->kind != json_text ? otherwise : found->text;
}

int64_t json_number_at(const Json* object, const char* key, int64_t otherwise) {
  const Json* const found = json_at(object, key);
  return found == NULL || found->kind != json_number ? otherwise : found->number;
}

bool json_flag_at(const Json* object, const char* key, bool otherwise) {
  const Json* const found = json_at(object, key);
  return found == NULL || found->kind != json_bool ? otherwise : found->flag;
}

size_t json_count(const Json* array) {
  size_t count = 0;
  for (const Json* each = array == NULL ? NULL : array->first; each != NULL; each = each->next) ++count;
  return count;
}
