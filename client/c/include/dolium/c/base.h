#ifndef DOLIUM_C_BASE_H
#define DOLIUM_C_BASE_H
// What every part of the C interface needs: codes, errors, versions.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOLIUM_C_API __attribute__((visibility("default")))
#ifdef __cplusplus
#define DOLIUM_C_BEGIN extern "C" {
#define DOLIUM_C_END }
#else
#define DOLIUM_C_BEGIN
#define DOLIUM_C_END
#endif

DOLIUM_C_BEGIN

/// The version of this interface: of its functions and structs. It grows with every addition.
#define DOLIUM_ABI_VERSION 5

/// The outcome of a call: one of the values below. A later version can have more.
typedef int32_t dolium_code;
enum {
  DOLIUM_OK = 0,
  DOLIUM_NOT_FOUND = 1,           ///< no sealed object has this id; or a listing is at its end
  DOLIUM_ALREADY_EXISTS = 2,      ///< an object with this id exists, sealed or not
  DOLIUM_NOT_SEALED = 3,          ///< the object exists, but is still being written
  DOLIUM_ALREADY_SEALED = 4,      ///< the builder was sealed or aborted before
  DOLIUM_OUT_OF_MEMORY = 5,       ///< the store has no room, and nothing more can be evicted
  DOLIUM_TOO_LARGE = 6,           ///< larger than the store, a limit or a quota allows
  DOLIUM_TIMED_OUT = 7,           ///< the deadline passed first
  DOLIUM_TYPE_MISMATCH = 8,       ///< the object holds another type than the one asked for
  DOLIUM_INVALID_ARGUMENT = 9,    ///< an argument is not valid
  DOLIUM_PERMISSION_DENIED = 10,  ///< not allowed for this client or this user
  DOLIUM_DISCONNECTED = 11,       ///< the daemon is gone, or the handle belongs to another process
  DOLIUM_PROTOCOL_ERROR = 12,     ///< the other side speaks another version, or sent an invalid message
  DOLIUM_SYSTEM_ERROR = 13,       ///< the operating system reported an error; `error_number` has its errno, or 0. Also
                                  ///< if this process has no memory (ENOMEM)
  DOLIUM_TIER_UNAVAILABLE = 14    ///< the object is on disk, and the disk does not answer, or failed
};

/// Why a create or a put failed with DOLIUM_OUT_OF_MEMORY, DOLIUM_TOO_LARGE or DOLIUM_TIMED_OUT.
typedef int32_t dolium_cause;
enum {
  DOLIUM_CAUSE_NONE = 0,         ///< the error has another reason
  DOLIUM_CAUSE_ROOM = 1,         ///< no contiguous free memory, and none could be made free
  DOLIUM_CAUSE_OBJECTS = 2,      ///< max_objects objects exist, and none could be evicted
  DOLIUM_CAUSE_PINS = 3,         ///< the user's quota of bytes that are pinned or in a grace
  DOLIUM_CAUSE_WRITING = 4,      ///< the client's quota of unsealed objects
  DOLIUM_CAUSE_CAPACITY = 5,     ///< larger than the whole store
  DOLIUM_CAUSE_DESCRIPTION = 6,  ///< the metadata or the type name is too long
  DOLIUM_CAUSE_MEMORY = 7,       ///< the machine, or its cgroup, has no memory for the store
  DOLIUM_CAUSE_DISK = 8          ///< too many bytes of retention `keep` are not on disk yet
};

/// Bytes of an error's text, with its terminating zero. A longer text is cut.
#define DOLIUM_ERROR_TEXT_SIZE 1008

/// Memory of the caller, which a call fills when it fails. It needs no initialisation and no end. A success leaves it
/// as it is.
typedef struct dolium_error {
  dolium_code code;
  dolium_cause cause;
  int32_t error_number;                  ///< errno of a DOLIUM_SYSTEM_ERROR; 0: none
  uint32_t message_size;                 ///< bytes of the text, without the terminating zero
  char message[DOLIUM_ERROR_TEXT_SIZE];  ///< what happened, to which object, why, what to do; always terminated
} dolium_error;

/// The DOLIUM_ABI_VERSION that the loaded library was built with. A program works with every library of the same soname
/// and the same or a higher version.
DOLIUM_C_API uint32_t dolium_abi_version(void);
/// The library's version, "0.1.0". The text lives as long as the library.
DOLIUM_C_API const char* dolium_version(void);
/// The code's name, "not_found"; "ok" for DOLIUM_OK, "unknown" for another number. The text lives as long as the
/// library.
DOLIUM_C_API const char* dolium_code_name(dolium_code code);
/// The cause's name, "room"; "unknown" for another number. The text lives as long as the library.
DOLIUM_C_API const char* dolium_cause_name(dolium_cause cause);

DOLIUM_C_END

#endif
