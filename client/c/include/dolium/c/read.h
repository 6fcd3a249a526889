#ifndef DOLIUM_C_READ_H
#define DOLIUM_C_READ_H
// Reading: gets, waits, takes. The bytes are read in place, in shared memory.

#include <dolium/c/base.h>
#include <dolium/c/id.h>
#include <dolium/c/object.h>
#include <dolium/c/store.h>

DOLIUM_C_BEGIN

/// The object's bytes, in place. The caller releases `object` with dolium_object_release(). Makes no system call if the
/// object is there. Otherwise fails with DOLIUM_NOT_FOUND (timeout 0), or waits until the object is sealed, and fails
/// with DOLIUM_TIMED_OUT at the deadline. The deadline holds, some 100 ms late, even while the daemon is suspended.
DOLIUM_C_API dolium_code dolium_get(dolium_store* store, const dolium_id* id, int64_t timeout_ns, dolium_object* object,
                                    dolium_error* error);
/// A local lookup that never blocks: no system call, no message. Can miss an object that dolium_get() would find. Fills
/// `object`, which the caller releases, and returns DOLIUM_OK; or DOLIUM_NOT_FOUND. It makes no text.
DOLIUM_C_API dolium_code dolium_try_get(dolium_store* store, const dolium_id* id, dolium_object* object);
/// Gets `count` objects: waits until all are there, or until the deadline. If `enough` is not 0, until so many are
/// there. Fills `objects[0]` to `objects[count - 1]`, in the order of `ids`; those that are not there hold nothing. The
/// caller releases all the others. `found` (may be NULL): how many are there. Fewer than `enough` after the deadline:
/// that is no error. DOLIUM_INVALID_ARGUMENT if `enough` is more than `count`, or if it is given for more than
/// DOLIUM_MAX_WAIT_IDS ids.
DOLIUM_C_API dolium_code dolium_get_many(dolium_store* store, const dolium_id* ids, size_t count, size_t enough,
                                         int64_t timeout_ns, dolium_object* objects, size_t* found,
                                         dolium_error* error);
/// Waits until `enough` of the objects (0: all) are there, or until the deadline. Fills `there[0]` to `there[count -
/// 1]`: which objects were there at some moment of the call. `found` (may be NULL): how many. Takes no references: an
/// object can be evicted or removed again before it is got. DOLIUM_INVALID_ARGUMENT if an id occurs twice, if there are
/// none or more than DOLIUM_MAX_WAIT_IDS, or if `enough` is more than `count`.
DOLIUM_C_API dolium_code dolium_wait(dolium_store* store, const dolium_id* ids, size_t count, size_t enough,
                                     int64_t timeout_ns, bool* there, size_t* found, dolium_error* error);
/// Whether a get would find the object now. Does not count as hit, miss or access.
DOLIUM_C_API dolium_code dolium_exists(dolium_store* store, const dolium_id* id, bool* exists, dolium_error* error);
/// The same for each id, in the order of `ids`. Fills `exist[0]` to `exist[count - 1]`.
DOLIUM_C_API dolium_code dolium_exists_many(dolium_store* store, const dolium_id* ids, size_t count, bool* exist,
                                            dolium_error* error);
/// Gets an object and removes it, in one step: of several takes of one object exactly one succeeds. Gets that wait for
/// the object are served first. Waits as dolium_get(). The caller releases `object`. At most once: if this process, or
/// the daemon's server, dies in the middle, the object can be lost; then the call fails with DOLIUM_DISCONNECTED.
DOLIUM_C_API dolium_code dolium_take(dolium_store* store, const dolium_id* id, int64_t timeout_ns,
                                     dolium_object* object, dolium_error* error);
/// The same for an object of this type. DOLIUM_TYPE_MISMATCH if its tag is another one: then it stays in the store.
/// `type_tag` 0: any type.
DOLIUM_C_API dolium_code dolium_take_typed(dolium_store* store, const dolium_id* id, uint64_t type_tag,
                                           int64_t timeout_ns, dolium_object* object, dolium_error* error);

DOLIUM_C_END

#endif
