#ifndef DOLIUM_C_WRITE_H
#define DOLIUM_C_WRITE_H
// Writing: create, write in place, seal; or put, which is all three. An object is invisible to others until its seal,
// and immutable afterwards.

#include <dolium/c/base.h>
#include <dolium/c/id.h>
#include <dolium/c/object.h>
#include <dolium/c/options.h>
#include <dolium/c/store.h>

DOLIUM_C_BEGIN

// ---- in place ----

/// An object that is being written, in the store's memory.
typedef struct dolium_builder dolium_builder;

/// Reserves memory for an object of `size` bytes. `options` may be NULL. The caller ends the builder with
/// dolium_builder_seal() or dolium_builder_abort(); it outlives dolium_close().
/// DOLIUM_ALREADY_EXISTS if the id is in use, sealed or not; DOLIUM_TOO_LARGE if the object can never fit;
/// DOLIUM_OUT_OF_MEMORY if nothing more can be evicted; DOLIUM_TIMED_OUT if that is still so when options->timeout_ns
/// is over.
DOLIUM_C_API dolium_code dolium_create(dolium_store* store, const dolium_id* id, uint64_t size,
                                       const dolium_create_options* options, dolium_builder** builder,
                                       dolium_error* error);
/// The object's bytes, writable, aligned to 64 bytes; their content is unspecified until written. They belong to the
/// builder: do not write to them after its seal or abort, or another object changes. This holds for I/O into them, too:
/// it must be complete before. NULL if `builder` is NULL, or after dolium_builder_abort_and_keep().
DOLIUM_C_API void* dolium_builder_data(const dolium_builder* builder);
/// Number of bytes of the object; 0 if `builder` is NULL.
DOLIUM_C_API uint64_t dolium_builder_size(const dolium_builder* builder);
/// Appends `size` bytes to those that this function has written. Uses several threads for large ones. DOLIUM_TOO_LARGE
/// if they do not fit; then nothing is written.
DOLIUM_C_API dolium_code dolium_builder_write(dolium_builder* builder, const void* data, size_t size,
                                              dolium_error* error);
/// Number of bytes that dolium_builder_write() has written.
DOLIUM_C_API uint64_t dolium_builder_written(const dolium_builder* builder);
/// Makes the object immutable and visible, and wakes gets that wait for it. Bytes that were not written stay
/// unspecified. Ends the builder in every case, also when it fails. `held` (may be NULL) gets a reference that is taken
/// before the object can be evicted or removed; the caller releases it. DOLIUM_DISCONNECTED after the daemon's end, and
/// in a child of the process that made the builder.
DOLIUM_C_API dolium_code dolium_builder_seal(dolium_builder* builder, dolium_object* held, dolium_error* error);
/// Discards the object. Its id and its memory are free at once. Ends the builder in every case, also when it fails.
/// Accepts NULL.
DOLIUM_C_API dolium_code dolium_builder_abort(dolium_builder* builder, dolium_error* error);
/// Discards the object, and frees its id at once, but keeps the memory writable until dolium_builder_abort(), which
/// must follow: for a caller that cannot take back pointers into it (I/O under way, views of an interpreter).
DOLIUM_C_API dolium_code dolium_builder_abort_and_keep(dolium_builder* builder, dolium_error* error);

// ---- at once ----

/// Creates, copies and seals: one message up to 32 KiB, two messages for more. `options` may be NULL; `data` may be
/// NULL if `size` is 0. `held` (may be NULL) gets a reference that is taken before the object can be evicted or
/// removed; the caller releases it. Errors as dolium_create().
DOLIUM_C_API dolium_code dolium_put(dolium_store* store, const dolium_id* id, const void* data, size_t size,
                                    const dolium_create_options* options, dolium_object* held, dolium_error* error);

/// The puts that failed, of a dolium_put_many() or since the last dolium_flush(), in order.
typedef struct dolium_failures dolium_failures;
typedef struct dolium_failure {
  size_t struct_size;
  dolium_id id;
  dolium_code code;
  dolium_cause cause;
  int32_t error_number;
  uint64_t index;       ///< of dolium_put_many(): the number of the item, from 0 on
  const char* message;  ///< belongs to the dolium_failures; terminated
} dolium_failure;

/// Many puts with few messages, carried out in order. No put waits for other clients. DOLIUM_OK means that the store
/// was asked: `failures` then has those that failed, or is NULL if none did. The caller frees it with
/// dolium_failures_free().
DOLIUM_C_API dolium_code dolium_put_many(dolium_store* store, const dolium_put_item* items, size_t count,
                                         dolium_failures** failures, dolium_error* error);
/// A put that does not wait for its outcome, for many small objects in a row. The bytes are copied before it returns.
/// At most DOLIUM_MAX_DEFERRED bytes; options->timeout_ns must be 0. Outcomes that only the store knows are reported by
/// the next dolium_flush(). Later calls through this store see the object; other clients see it after a moment.
/// DOLIUM_OUT_OF_MEMORY when 4096 failures wait for dolium_flush(). Blocks while the send queue is full.
DOLIUM_C_API dolium_code dolium_put_deferred(dolium_store* store, const dolium_id* id, const void* data, size_t size,
                                             const dolium_create_options* options, dolium_error* error);
/// Waits until all earlier deferred puts are done. `failures` gets those that failed since the last call, or NULL if
/// none did. The caller frees it with dolium_failures_free(). DOLIUM_DISCONNECTED: the outcome of the deferred puts is
/// unknown.
DOLIUM_C_API dolium_code dolium_flush(dolium_store* store, dolium_failures** failures, dolium_error* error);

/// Number of failures; 0 for NULL.
DOLIUM_C_API size_t dolium_failures_count(const dolium_failures* failures);
/// Fills `failure`, whose struct_size must be set. DOLIUM_NOT_FOUND if there are no more than `at`.
DOLIUM_C_API dolium_code dolium_failures_at(const dolium_failures* failures, size_t at, dolium_failure* failure,
                                            dolium_error* error);
/// Ends the texts that dolium_failures_at() gave. Accepts NULL.
DOLIUM_C_API void dolium_failures_free(dolium_failures* failures);

DOLIUM_C_END

#endif
