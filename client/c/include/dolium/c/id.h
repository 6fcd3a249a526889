#ifndef DOLIUM_C_ID_H
#define DOLIUM_C_ID_H
// dolium_id: the 20 bytes that identify an object. A value: copy it, compare it with memcmp().

#include <dolium/c/base.h>

DOLIUM_C_BEGIN

#define DOLIUM_ID_SIZE 20
/// Bytes of an id as text: 40 hexadecimal digits and a terminating zero.
#define DOLIUM_ID_TEXT_SIZE 41

/// All zero is a valid id, too.
typedef struct dolium_id {
  uint8_t bytes[DOLIUM_ID_SIZE];
} dolium_id;

/// 160 bits from the operating system's generator; never repeats in practice.
DOLIUM_C_API dolium_code dolium_id_random(dolium_id* id, dolium_error* error);
/// The same id for the same name, on every host and in every release. `name` has `size` bytes and may contain any. The
/// hash is not cryptographic: do not use it for names that an attacker chooses.
DOLIUM_C_API dolium_code dolium_id_from_name(const char* name, size_t size, dolium_id* id, dolium_error* error);
/// Exactly 40 hexadecimal digits of either case, else DOLIUM_INVALID_ARGUMENT.
DOLIUM_C_API dolium_code dolium_id_from_hex(const char* digits, size_t size, dolium_id* id, dolium_error* error);
/// Writes 40 digits and a terminating zero. An empty text if `id` is NULL; does nothing if `text` is NULL.
DOLIUM_C_API void dolium_id_to_hex(const dolium_id* id, char text[DOLIUM_ID_TEXT_SIZE]);

DOLIUM_C_END

#endif
