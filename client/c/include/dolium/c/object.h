#ifndef DOLIUM_C_OBJECT_H
#define DOLIUM_C_OBJECT_H
// dolium_object: a reference to a sealed object and its bytes, in place. While it is not released, the memory is
// neither evicted nor reused, even if the object is removed. The bytes stay readable after dolium_close() and after the
// daemon's end.

#include <dolium/c/base.h>
#include <dolium/c/id.h>

DOLIUM_C_BEGIN

/// Passed by value, and filled by the library. All zeros: it holds nothing. It is one reference, which must be released
/// once. An assignment copies the struct, not the reference: release only one of the copies, or make another reference
/// with dolium_object_retain(). Different threads may use different references, also to one object. They may also pass
/// the same one at the same time to functions that take it const: dolium_object_retain() among them.
typedef struct dolium_object {
  const void* data;      ///< read-only memory, aligned to 64 bytes, shared with other processes. A write raises SIGSEGV
  uint64_t size;         ///< of the data, in bytes
  const void* metadata;  ///< stored with the object by its creator
  uint64_t metadata_size;  ///< bytes
  uint64_t type_tag;       ///< 0: raw bytes; see types.h
  dolium_id id;
  uint32_t opaque;      ///< the library's own
  uint64_t opaque2[4];  ///< the library's own
} dolium_object;

/// Whether it is a reference: false for NULL, for a struct of zeros, and after the release.
DOLIUM_C_API bool dolium_object_holds(const dolium_object* object);
/// Makes another reference to the same object in `other`, which the caller must release too. Costs about 10 ns; waits
/// only while another thread is in fork(). DOLIUM_INVALID_ARGUMENT if `object` holds nothing or was released.
DOLIUM_C_API dolium_code dolium_object_retain(const dolium_object* object, dolium_object* other, dolium_error* error);
/// Ends the reference, and fills the struct with zeros: a second release of the same struct has no effect. Its pointers
/// are invalid from now on. Callable from any thread and after dolium_close(). Makes no system call, unless a create
/// waits for room.
DOLIUM_C_API void dolium_object_release(dolium_object* object);
/// Ends the reference as dolium_object_release() does, but leaves the struct as it is: do not use the struct again. For
/// bindings whose objects end together with the struct: zeros in a struct cost a twentieth of a get.
DOLIUM_C_API void dolium_object_drop(const dolium_object* object);

// ---- private copies ----

/// A writable copy of an object's data for this process alone. It costs memory only for pages that are written.
typedef struct dolium_private_copy dolium_private_copy;

/// The caller frees the copy with dolium_private_copy_free(). It holds a reference to the object of its own, so
/// `object` may be released before. DOLIUM_OUT_OF_MEMORY names the limit of the kernel that refused it.
DOLIUM_C_API dolium_code dolium_object_private_copy(const dolium_object* object, dolium_private_copy** copy,
                                                    dolium_error* error);
/// The bytes, writable, as many as the object has, aligned to 64 bytes. They belong to the copy. NULL if `copy` is
/// NULL.
DOLIUM_C_API void* dolium_private_copy_data(const dolium_private_copy* copy);
/// Ends the copy: its bytes are gone.
DOLIUM_C_API void dolium_private_copy_free(dolium_private_copy* copy);

DOLIUM_C_END

#endif
