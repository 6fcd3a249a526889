"""The interface of pyarrow.plasma as it was in Arrow 11, on a dolium store: a program needs only to change its import.

    import dolium.plasma as plasma          # was: import pyarrow.plasma as plasma

>>> import dolium.plasma as plasma
>>> with plasma.start_plasma_store(16 << 20) as (socket_name, process):
...     client = plasma.connect(socket_name)
...     id = client.put(["salve", 1])
...     client.get(id)
['salve', 1]

What differs, and why:

- The store is doliumd, not plasma-store-server: Plasma's own processes cannot connect to it, nor the other way round.
- `put` writes the formats of dolium.codecs, because pyarrow.serialize is gone from pyarrow; arrays and tables are read
  in place as before. `get` also reads pickles, as Plasma's did: connect only to stores whose writers you trust, or say
  `connect(..., allow_pickle=False)`. A `serialization_context` is not used: what it registered, pickle knows itself.
- Buffers are plain `pyarrow.Buffer`s, because a subclass of one cannot be made from Python; isinstance(buffer,
  PlasmaBuffer) holds for them. They hold the object until they are gone, even after disconnect() and after the store's
  death, where Plasma's pointed to unmapped memory. `release` therefore has nothing to do.
- `delete` makes an object invisible at once, also one that is in use; Plasma waited for the last user.
- `hash` is a 64-bit BLAKE2b of data and metadata, where Plasma's was xxHash; both are for comparing, not for keeping.
- `abort`, which Plasma had in C++ only, frees the id when the last view of the created buffer is gone.
- `list` counts references, where Plasma counted clients; `construct_duration` is real.
- `get_notification_socket` carries the same events with the same framing (eight bytes of length, then a message); what
  is in a message is ours, and `decode_notifications` reads it.
- `to_capsule` raises NotImplementedError: the capsule held a pointer to Plasma's C++ client, which nobody has any more.
- A store has room for exactly its capacity; Plasma needed some of it for itself. `use_valgrind`, `use_profiler`,
  `plasma_directory` and `external_store` of start_plasma_store are refused, as there is nothing behind them: the memory
  is a memfd, in no directory, and there is no store outside it.
- No DeprecationWarnings.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import socket
import struct
import tempfile
import threading
import warnings
from collections.abc import Sequence

import pyarrow as pa

from . import codecs, errors, server
from ._dolium import ObjectId
from .store import Client

__all__ = [
    "ObjectID", "ObjectNotAvailable", "PlasmaBuffer", "PlasmaClient", "PlasmaObjectExists", "PlasmaObjectNotFound",
    "PlasmaStoreFull", "connect", "start_plasma_store",
]


class ObjectID(ObjectId):
    """The 20 bytes that identify an object."""

    def __new__(cls, object_id):
        if not isinstance(object_id, bytes) or len(object_id) != 20:
            raise ValueError(f"Object ID must by 20 bytes, is {object_id}")
        return super().__new__(cls, object_id)

    @staticmethod
    def from_random():
        """A randomly generated ObjectID."""
        return ObjectID.random()

    def __repr__(self):
        return f"ObjectID({self.hex()})"


class ObjectNotAvailable:
    """Placeholder for an object that was not available within the given timeout."""


class PlasmaObjectNotFound(errors.ObjectNotFound, pa.ArrowException):
    """There is no such object."""


class PlasmaObjectExists(errors.ObjectExists, pa.ArrowException):
    """There already is an object with this id."""


class PlasmaStoreFull(errors.StoreFull, pa.ArrowException):
    """The store is unable to evict enough objects to create room."""


_TRANSLATED = {
    errors.ObjectNotFound: PlasmaObjectNotFound,
    errors.ObjectExists: PlasmaObjectExists,
    errors.StoreFull: PlasmaStoreFull,
    errors.TooLarge: PlasmaStoreFull,
}


def _plasma_errors(method):
    """Has a method raise Plasma's exceptions, which are dolium's as well."""

    @functools.wraps(method)
    def wrapped(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except tuple(_TRANSLATED) as error:
            kind = _TRANSLATED.get(type(error))
            if kind is None:
                raise
            raise kind(str(error)) from error

    return wrapped


class _BufferLike(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, pa.Buffer)


class PlasmaBuffer(metaclass=_BufferLike):
    """What create() and get_buffers() return: a pyarrow.Buffer that holds its object."""

    def __init__(self):
        raise TypeError("Do not call PlasmaBuffer's constructor directly, use `PlasmaClient.create` instead.")


def _as_id(object_id):
    return ObjectID(object_id.binary())


def _seconds(timeout_ms):
    return None if timeout_ms < 0 else timeout_ms / 1000


class PlasmaClient:
    """A client of a store; connect() makes one."""

    def __init__(self, store_socket_name=None, timeout=5, allow_pickle=True):
        self._store = None
        self._building = {}
        self._notifications = None
        if store_socket_name is not None:
            self.store_socket_name = store_socket_name
            self._store = Client(store_socket_name, connect_timeout=timeout, allow_pickle=allow_pickle)

    @property
    def _open(self):
        if self._store is None:
            raise errors.Disconnected("this PlasmaClient is not connected")
        return self._store

    # ---- writing ----

    @_plasma_errors
    def create(self, object_id, data_size, metadata=b""):
        """A mutable buffer for a new object; seal() it when it is written."""
        builder = self._open.create(object_id, data_size, metadata=metadata)
        self._building[object_id] = builder
        return pa.py_buffer(builder)

    @_plasma_errors
    def create_and_seal(self, object_id, data, metadata=b""):
        """Stores bytes under an id."""
        self._open.put_raw(data, object_id, metadata=metadata)

    @_plasma_errors
    def seal(self, object_id):
        """Makes a created object immutable and visible."""
        self._take_builder(object_id).seal()

    @_plasma_errors
    def abort(self, object_id):
        """The created object was never there."""
        self._take_builder(object_id).abort()

    def _take_builder(self, object_id):
        builder = self._building.pop(object_id, None)
        if builder is None:
            raise errors.ObjectNotFound(f"this client is not writing object {object_id.hex()}")
        return builder

    @_plasma_errors
    def put_raw_buffer(self, value, object_id=None, metadata=b"", memcopy_threads=6):
        """Stores the bytes of a buffer; its ObjectID."""
        target_id = object_id if object_id is not None else ObjectID.from_random()
        self._open.put_raw(value, target_id, metadata=metadata)
        return target_id

    @_plasma_errors
    def put(self, value, object_id=None, memcopy_threads=6, serialization_context=None):
        """Stores a Python value; its ObjectID."""
        _warn_of_context(serialization_context)
        target_id = object_id if object_id is not None else ObjectID.from_random()
        self._open.put(value, target_id)
        return target_id

    # ---- reading ----

    @_plasma_errors
    def get_buffers(self, object_ids, timeout_ms=-1, with_meta=False):
        """A buffer for each id, None where the object was not available; with_meta, (metadata, buffer) for each."""
        found = self._open.get_many_raw(object_ids, _seconds(timeout_ms))
        buffers = [None if obj is None else pa.py_buffer(obj) for obj in found]
        if not with_meta:
            return buffers
        return [(None if obj is None else bytes(obj.metadata), buffer) for obj, buffer in zip(found, buffers)]

    @_plasma_errors
    def get_metadata(self, object_ids, timeout_ms=-1):
        """A buffer of each object's metadata, None where the object was not available."""
        found = self._open.get_many_raw(object_ids, _seconds(timeout_ms))
        return [None if obj is None else pa.py_buffer(obj.metadata) for obj in found]

    @_plasma_errors
    def get(self, object_ids, timeout_ms=-1, serialization_context=None):
        """The value of an id, or of each id of a list; ObjectNotAvailable where it was not available."""
        _warn_of_context(serialization_context)
        if not isinstance(object_ids, Sequence):
            return self.get([object_ids], timeout_ms)[0]
        found = self._open.get_many_raw(object_ids, _seconds(timeout_ms))
        return [ObjectNotAvailable if obj is None else codecs.decode(obj, self._open) for obj in found]

    @_plasma_errors
    def contains(self, object_id):
        """Whether the object is present and sealed."""
        return self._open.exists(object_id)

    @_plasma_errors
    def hash(self, object_id):
        """Eight bytes that are equal for equal data and metadata."""
        obj = self._open.get_raw(object_id)
        digest = hashlib.blake2b(obj, digest_size=8)
        digest.update(obj.metadata)
        return digest.digest()

    # ---- keeping and letting go ----

    def release(self, object_id):
        """Nothing: an object is released when its buffers are gone."""

    _release = release

    @_plasma_errors
    def delete(self, object_ids):
        """Removes objects; unknown ones, and ones that are being written, are left alone."""
        for object_id in object_ids:
            with contextlib.suppress(errors.NotSealed):
                self._open.remove(object_id)

    @_plasma_errors
    def evict(self, num_bytes):
        """Evicts objects to recover at least num_bytes if possible; how many bytes were recovered."""
        return self._open.evict(num_bytes)

    # ---- looking ----

    @_plasma_errors
    def list(self):
        """{ObjectID: {data_size, metadata_size, ref_count, create_time, construct_duration, state}}"""
        return {_as_id(each.id): _info(each) for each in self._open.list()}

    def store_capacity(self):
        """The memory capacity of the store in bytes."""
        return self._open.stats().capacity

    def debug_string(self):
        """What the store holds, for people."""
        stats = self._open.stats()
        return (f"Dolium store {self.store_socket_name}: {stats.total_objects} objects, {stats.used_bytes} of "
                f"{stats.capacity} bytes used, {stats.in_use_bytes} in use, {stats.pinned_bytes} pinned, "
                f"{stats.unsealed_bytes} being written, {stats.evictable_bytes} evictable, {stats.client_count} clients")

    def set_client_options(self, client_name, limit_output_memory):
        """Not to be had: names are given at connection, and quotas are the daemon's configuration."""
        warnings.warn("a dolium client's name is set at connection, its quota by doliumd's configuration; nothing was "
                      "changed", RuntimeWarning, stacklevel=2)

    def to_capsule(self):
        """Not to be had: see the module's documentation."""
        raise NotImplementedError("there is no plasma::PlasmaClient behind a dolium store; its C++ client is <dolium/dolium.h>")

    # ---- notifications ----

    @_plasma_errors
    def subscribe(self):
        """Subscribes to notifications about objects that are sealed (those that are there come first) or removed."""
        if self._notifications is None:
            self._notifications = _Notifications(self._open)

    def get_notification_socket(self):
        """A socket from which messages can be read: eight bytes of length in native order, then the message."""
        return self._subscribed().socket.dup()

    def decode_notifications(self, buf):
        """(object ids, data sizes, metadata sizes) of a message; the sizes of what was removed are -1."""
        entries = [(ObjectID(id), data, metadata) for id, data, metadata in _ENTRY.iter_unpack(buf)]
        return [list(column) for column in zip(*entries)] if entries else [[], [], []]

    def get_next_notification(self):
        """(object id, data size, metadata size) of the next one; waits for it. The sizes of what was removed are -1."""
        message = self._subscribed().read()
        return tuple(column[0] for column in self.decode_notifications(message))

    def _subscribed(self):
        if self._notifications is None:
            raise errors.InvalidArgument("subscribe() comes first")
        return self._notifications

    # ---- life ----

    def disconnect(self):
        """Lets go of the store. Buffers stay valid."""
        if self._notifications is not None:
            self._notifications.close()
            self._notifications = None
        self._building.clear()
        if self._store is not None:
            self._store.close()
            self._store = None


def _warn_of_context(serialization_context):
    if serialization_context is not None:
        warnings.warn("'serialization_context' is deprecated and not used: pickle does its work", FutureWarning,
                      stacklevel=4)


def _info(each):
    sealed = each.state == "sealed"
    return {
        "data_size": each.data_size,
        "metadata_size": each.metadata_size,
        "ref_count": each.ref_count if sealed else 1,  # the creator's
        "create_time": int(each.created_at.timestamp()),
        "construct_duration": int((each.sealed_at - each.created_at).total_seconds()) if sealed else -1,
        "state": "sealed" if sealed else "created",
    }


_LENGTH = struct.Struct("@L")
_ENTRY = struct.Struct("<20sqq")


def _above_streams(end):
    """Where the interpreter runs with a standard stream closed, a socket would get its number, and what is printed."""
    if end.fileno() > 2:
        return end
    with end:
        return socket.socket(fileno=fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


class _Notifications:
    """Events on a socket: a thread writes there what a subscription says. A reader that does not keep up holds up the
    thread, and in the end loses events, where Plasma's store buffered without limit."""

    def __init__(self, store):
        self.socket, self._writer = map(_above_streams, socket.socketpair())
        self._events = store.subscribe()
        self._thread = threading.Thread(target=self._run, name="dolium-notifications", daemon=True)
        self._thread.start()

    def _run(self):
        # Ends with the socket or the daemon, whichever goes first; the reader finds the end of the stream.
        with self._writer, contextlib.suppress(OSError, ValueError):
            for event in self._events:
                if event.kind == "overflow":
                    continue
                sizes = (event.data_size, event.metadata_size) if event.kind == "sealed" else (-1, -1)
                message = _ENTRY.pack(event.id.binary(), *sizes)
                self._writer.sendall(_LENGTH.pack(len(message)) + message)

    def read(self):
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return self._exactly(length)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise errors.Disconnected("the store is gone, and with it its notifications")
            data += part
        return data

    def close(self):
        self._writer.shutdown(socket.SHUT_RDWR)
        self._events.close()
        self.socket.close()
        self._thread.join()


def connect(store_socket_name, num_retries=-1, allow_pickle=True):
    """A PlasmaClient of the store that listens there; retries every 100 ms, 50 times unless told otherwise."""
    timeout = 0.1 * (50 if num_retries < 0 else num_retries)
    return PlasmaClient(store_socket_name, timeout, allow_pickle)


@contextlib.contextmanager
def start_plasma_store(plasma_store_memory, use_valgrind=False, use_profiler=False, plasma_directory=None,
                       use_hugepages=False, external_store=None):
    """A store process for the length of a `with` block: (its socket's name, its Popen)."""
    refused = [name for name, value in (("use_valgrind", use_valgrind), ("use_profiler", use_profiler),
                                        ("plasma_directory", plasma_directory), ("external_store", external_store))
               if value]
    if refused:
        raise ValueError(f"a dolium store has no {', '.join(refused)}: see help(dolium.plasma)")
    with tempfile.TemporaryDirectory(prefix="plasma-") as folder:
        path = os.path.join(folder, "plasma.sock")
        process = server.launch(plasma_store_memory, path, *(["--huge-pages", "true"] if use_hugepages else []))
        try:
            yield path, process
        finally:
            server.stop(process)
