#ifndef DOLIUM_C_ASYNC_H
#define DOLIUM_C_ASYNC_H
// Without blocking: events of the store, and calls whose outcome goes to a callback, in an event loop of the program.

#include <dolium/c/base.h>
#include <dolium/c/id.h>
#include <dolium/c/object.h>
#include <dolium/c/options.h>
#include <dolium/c/report.h>
#include <dolium/c/store.h>
#include <dolium/c/write.h>

DOLIUM_C_BEGIN

// ---- the event loop ----

/// A descriptor for poll, epoll, libuv and the like; level-triggered. It is readable when dolium_process_events() has
/// something to do, or a subscription has events; sometimes without a reason. It stays readable after the connection is
/// lost: remove it from the loop when dolium_process_events() returns DOLIUM_DISCONNECTED. It belongs to the store: do
/// not read, write or close it. -1 if `store` is NULL.
DOLIUM_C_API int dolium_event_fd(const dolium_store* store);
/// Runs the callbacks that are due, in this thread. Never blocks. Afterwards, read subscriptions with timeout 0 until
/// they return DOLIUM_TIMED_OUT. DOLIUM_DISCONNECTED after the daemon's end: then every pending callback was called
/// with that code.
DOLIUM_C_API dolium_code dolium_process_events(dolium_store* store, dolium_error* error);

/// An operation that is under way. Its end has no effect on the operation.
typedef struct dolium_async dolium_async;

/// The outcome of a get or take. Runs inside dolium_process_events(), never inside the call that began the operation,
/// and may call the store. DOLIUM_OK: the reference in `object` belongs to the callback; copy the struct, and release
/// it once. Else `object` is NULL. `error` belongs to the caller; NULL after a success.
typedef void (*dolium_get_callback)(void* user, dolium_code code, const dolium_object* object,
                                    const dolium_error* error);
/// The outcome of a create. DOLIUM_OK: `builder` belongs to the callback, which seals or aborts it, then or later. Else
/// it is NULL. `error` belongs to the caller; NULL after a success.
typedef void (*dolium_create_callback)(void* user, dolium_code code, dolium_builder* builder,
                                       const dolium_error* error);
/// The outcome of a get of many. DOLIUM_OK: `objects` has `count` of them, in the order of the ids; those that are not
/// there hold nothing. The references belong to the callback; copy the structs, and release each once. Else `objects`
/// is NULL, and `count` 0. `error` belongs to the caller; NULL after a success.
typedef void (*dolium_get_many_callback)(void* user, dolium_code code, const dolium_object* objects, size_t count,
                                         const dolium_error* error);
/// Ends `user`: called exactly once, when `done` has returned, or will never be called (after a cancel, after
/// dolium_close(), or if the operation could not begin). In any thread that uses the store; it must not call the store.
typedef void (*dolium_drop_callback)(void* user);

/// dolium_get() without blocking. `user` goes to `done`, then to `drop`, which may be NULL. `operation` (may be NULL)
/// is for dolium_async_cancel(); the caller frees it with dolium_async_free().
DOLIUM_C_API dolium_code dolium_get_async(dolium_store* store, const dolium_id* id, int64_t timeout_ns,
                                          dolium_get_callback done, void* user, dolium_drop_callback drop,
                                          dolium_async** operation, dolium_error* error);
/// dolium_get_many() without blocking; `ids` are copied. Of a store that spills, several objects are got with this, not
/// with several dolium_get_async(): each of those holds its object while the others still wait for room.
DOLIUM_C_API dolium_code dolium_get_many_async(dolium_store* store, const dolium_id* ids, size_t count, size_t enough,
                                               int64_t timeout_ns, dolium_get_many_callback done, void* user,
                                               dolium_drop_callback drop, dolium_async** operation,
                                               dolium_error* error);
/// dolium_take() without blocking. A cancel in time can still remove the object, if it comes at the same moment.
DOLIUM_C_API dolium_code dolium_take_async(dolium_store* store, const dolium_id* id, int64_t timeout_ns,
                                           dolium_get_callback done, void* user, dolium_drop_callback drop,
                                           dolium_async** operation, dolium_error* error);
/// dolium_create() without blocking: waits for room until options->timeout_ns. `options` are copied.
DOLIUM_C_API dolium_code dolium_create_async(dolium_store* store, const dolium_id* id, uint64_t size,
                                             const dolium_create_options* options, dolium_create_callback done,
                                             void* user, dolium_drop_callback drop, dolium_async** operation,
                                             dolium_error* error);
/// Cancels the operation, in the daemon too. True: `done` was not called and never will be. False: it was called, or is
/// being called; or `operation` is NULL. The operation must still be freed.
DOLIUM_C_API bool dolium_async_cancel(dolium_async* operation);
/// Frees the handle; does not cancel the operation. Accepts NULL.
DOLIUM_C_API void dolium_async_free(dolium_async* operation);

// ---- events of the store ----

/// A stream of events.
typedef struct dolium_subscription dolium_subscription;

enum {
  DOLIUM_EVENT_SEALED = 1,   ///< the object is visible; also one for each object that was there at the beginning
  DOLIUM_EVENT_REMOVED = 2,  ///< the object is no longer visible
  DOLIUM_EVENT_OVERFLOW = 3  ///< events were lost here: the subscriber was too slow, or the server was restarted
};
enum {
  DOLIUM_REMOVAL_REMOVED = 1,  ///< by dolium_remove()
  DOLIUM_REMOVAL_EVICTED = 2,  ///< to free memory, or by dolium_evict()
  DOLIUM_REMOVAL_EXPIRED = 3,  ///< its time to live or time to idle ended
  DOLIUM_REMOVAL_CLEARED = 4,  ///< by dolium_clear()
  DOLIUM_REMOVAL_LOST = 5      ///< its bytes on disk were damaged
};

typedef struct dolium_event {
  size_t struct_size;
  int32_t kind;     ///< DOLIUM_EVENT_...; a later version can have more: skip those that are unknown
  int32_t removal;  ///< DOLIUM_REMOVAL_... of DOLIUM_EVENT_REMOVED; else 0
  dolium_id id;     ///< zero for DOLIUM_EVENT_OVERFLOW
  uint32_t label_size;
  uint64_t data_size;
  uint64_t metadata_size;
  char label[DOLIUM_TEXT_SIZE];  ///< terminated
} dolium_event;

/// Events from now on. First comes DOLIUM_EVENT_SEALED for each object that is there already. The caller ends the
/// subscription with dolium_subscription_free(); it outlives dolium_close().
DOLIUM_C_API dolium_code dolium_subscribe(dolium_store* store, dolium_subscription** subscription, dolium_error* error);
/// Fills `event`, whose struct_size must be set, with the next event. DOLIUM_TIMED_OUT if none comes in time;
/// DOLIUM_DISCONNECTED after the daemon's end, when all its events have been read.
DOLIUM_C_API dolium_code dolium_subscription_next(dolium_subscription* subscription, int64_t timeout_ns,
                                                  dolium_event* event, dolium_error* error);
/// Accepts NULL.
DOLIUM_C_API void dolium_subscription_free(dolium_subscription* subscription);

DOLIUM_C_END

#endif
