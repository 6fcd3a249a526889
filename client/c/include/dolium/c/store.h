#ifndef DOLIUM_C_STORE_H
#define DOLIUM_C_STORE_H
// dolium_store: a store behind a daemon (doliumd), shared by all processes of the host; or a store of this process
// alone. Both take the same calls: write.h, read.h, report.h, async.h. A first program is in client/c/README.md.

#include <dolium/c/base.h>
#include <dolium/c/id.h>
#include <dolium/c/options.h>

DOLIUM_C_BEGIN

typedef struct dolium_store dolium_store;

/// Connects to the daemon at this socket; NULL: the default path, see dolium_default_socket_path(). The path ends at
/// its first zero byte. `options` may be NULL. The caller closes the store with dolium_close(). DOLIUM_DISCONNECTED if
/// no daemon listens there in time; DOLIUM_PERMISSION_DENIED if this user may not connect; DOLIUM_PROTOCOL_ERROR if the
/// daemon speaks another protocol version.
DOLIUM_C_API dolium_code dolium_connect(const char* socket_path, const dolium_connect_options* options,
                                        dolium_store** store, dolium_error* error);
/// Opens a store of this process alone, without a daemon. It has no thread: each call first expires the objects that
/// are due. `options` may be NULL. The caller closes the store with dolium_close().
DOLIUM_C_API dolium_code dolium_open(const dolium_open_options* options, dolium_store** store, dolium_error* error);
/// Ends the handle. No other thread may be inside a call with it; a callback of this store may close it. Objects,
/// builders and private copies stay valid: they keep the session until the last of them ends. Callbacks that were not
/// called are dropped. Accepts NULL.
DOLIUM_C_API void dolium_close(dolium_store* store);

/// Whether the store is there, as far as this process knows. False after its end, and for NULL. No system call.
DOLIUM_C_API bool dolium_connected(const dolium_store* store);
/// Whether the daemon granted access for reading only. False for an in-process store, and for NULL.
DOLIUM_C_API bool dolium_read_only(const dolium_store* store);
/// The daemon's number of this session, as `dolium clients` shows it; 0 for an in-process store, and for NULL.
DOLIUM_C_API uint64_t dolium_session_id(const dolium_store* store);
/// Number of times that a store with DOLIUM_CONNECT_RECONNECT has gone on with another daemon; 0 for all others.
DOLIUM_C_API uint64_t dolium_reconnections(const dolium_store* store);
/// Succeeds while the store is there. Behind a daemon this takes one round trip.
DOLIUM_C_API dolium_code dolium_ping(dolium_store* store, dolium_error* error);

/// The first of: $DOLIUM_SOCKET; $XDG_RUNTIME_DIR/dolium.sock; /run/dolium/dolium.sock for root;
/// /tmp/dolium-<uid>/dolium.sock. Writes it with a terminating zero into `path`, which has `capacity` bytes;
/// DOLIUM_TOO_LARGE if it does not fit. Reads the environment: no other thread may change it meanwhile.
DOLIUM_C_API dolium_code dolium_default_socket_path(char* path, size_t capacity, dolium_error* error);

// ---- keeping and letting go ----

/// A pinned object is not evicted and does not expire, until any client calls dolium_unpin(). DOLIUM_NOT_FOUND;
/// DOLIUM_NOT_SEALED while it is being written; DOLIUM_OUT_OF_MEMORY beyond the user's quota of pinned bytes.
DOLIUM_C_API dolium_code dolium_pin(dolium_store* store, const dolium_id* id, dolium_error* error);
/// Has no effect on an object that is not pinned. DOLIUM_NOT_FOUND.
DOLIUM_C_API dolium_code dolium_unpin(dolium_store* store, const dolium_id* id, dolium_error* error);
/// Keeps the object for readers that are about to come: it is not evicted until `readers` (0: 1) other sessions have
/// got it or `grace_ns` has passed (at most DOLIUM_MAX_GRACE_NS), also if this client ends meanwhile. Never shortens a
/// grace. In an in-process store any get ends it. Errors as dolium_pin().
DOLIUM_C_API dolium_code dolium_extend_grace(dolium_store* store, const dolium_id* id, int64_t grace_ns,
                                             uint32_t readers, dolium_error* error);
/// Makes the object invisible and its id free at once; its memory becomes free at the last release. `removed` (may be
/// NULL) tells whether there was such an object: if not, that is no error. DOLIUM_NOT_SEALED while it is being written.
DOLIUM_C_API dolium_code dolium_remove(dolium_store* store, const dolium_id* id, bool* removed, dolium_error* error);
/// Evicts the coldest objects until `bytes` are free or nothing more can be evicted. `freed` (may be NULL): bytes that
/// became free. `object_bytes` (may be NULL): data and metadata of the evicted objects.
DOLIUM_C_API dolium_code dolium_evict(dolium_store* store, uint64_t bytes, uint64_t* freed, uint64_t* object_bytes,
                                      dolium_error* error);
/// Gives free memory of the store back to the system. `bytes` (may be NULL): how many. New objects take it again, which
/// is slower than memory that is kept, and can fail with DOLIUM_OUT_OF_MEMORY if the system has none by then. Evict
/// first to give back more. DOLIUM_INVALID_ARGUMENT for a store that keeps its memory: with `preallocate` or huge
/// pages.
DOLIUM_C_API dolium_code dolium_trim(dolium_store* store, uint64_t* bytes, dolium_error* error);
/// Removes all sealed objects, also pinned ones. Objects that are held stay readable for their holders.
DOLIUM_C_API dolium_code dolium_clear(dolium_store* store, dolium_error* error);

DOLIUM_C_END

#endif
