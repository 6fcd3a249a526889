"""The interface of pyarrow.plasma of Arrow 11, on a dolium store. A program only needs to change its import.

    import dolium.plasma as plasma          # was: import pyarrow.plasma as plasma

>>> import dolium.plasma as plasma
>>> with plasma.start_plasma_store(16 << 20) as (socket_name, process):
...     client = plasma.connect(socket_name)
...     id = client.put(["salve", 1])
...     client.get(id)
['salve', 1]

Differences, with reasons:

- The store is doliumd, not plasma-store-server. Plasma's own processes cannot connect to it, and this module cannot
  connect to Plasma's store.
- `put` writes the formats of dolium.codecs, because pyarrow has removed pyarrow.serialize. Arrays and tables are read
  in place, as before. `get` also reads pickles, as Plasma did. So connect only to stores with trusted writers, or use
  `connect(..., allow_pickle=False)`. A `serialization_context` is not used: pickle does its work.
- Buffers are plain `pyarrow.Buffer`s, because Python cannot subclass them. isinstance(buffer, PlasmaBuffer) is true for
  them. They hold the object until they are gone, even after disconnect() and after the store's end. Plasma's buffers
  pointed to unmapped memory then. So `release` has nothing to do.
- `delete` makes an object invisible at once, even if it is in use. Plasma waited for the last user. An object that this
  client is writing is removed when it is sealed. An object that another client is writing stays.
- `evict` counts bytes of data and metadata, like Plasma.
- Metadata beyond 64 KiB are stored after the object's data. Other interfaces to the store show them there.
- `hash` is a 64-bit BLAKE2b of data and metadata. Plasma's was xxHash. Both are for comparing, not for keeping.
- `abort`, which Plasma had in C++ only, frees the id when the last view of the created buffer is gone.
- `list` counts references. Plasma counted clients. `construct_duration` is real.
- `get_notification_socket` has the same events with the same framing (eight bytes of length, then a message). The
  contents of a message differ; `decode_notifications` reads them.
- `to_capsule` raises NotImplementedError. The capsule was a pointer to Plasma's C++ client, which does not exist here.
- A store has room for exactly its capacity. Plasma needed a part of it for itself. `store_capacity` is the value that
  was given to start_plasma_store() by the same process; in another process it is rounded to whole pages. A capacity above
  this machine's memory is lowered, with a warning.
- start_plasma_store() refuses `use_valgrind`, `use_profiler`, `plasma_directory` and `external_store`. There is nothing
  behind them: the memory is a memfd, in no directory, and there is no external store.
- No DeprecationWarnings.
"""

import contextlib
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

from . import codecs, errors, server, text
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
    """No object has this id."""


class PlasmaObjectExists(errors.ObjectExists, pa.ArrowException):
    """An object with this id exists already."""


class PlasmaStoreFull(errors.StoreFull, pa.ArrowException):
    """The store is unable to evict enough objects to create room."""


_TRANSLATED = {
    errors.ObjectNotFound: PlasmaObjectNotFound,
    errors.ObjectExists: PlasmaObjectExists,
    errors.StoreFull: PlasmaStoreFull,
    errors.TooLarge: PlasmaStoreFull,
}


def _plasma_errors(method):
    """Makes a method raise Plasma's exceptions, which also extend dolium's."""

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
    """The result of create() and get_buffers(): a pyarrow.Buffer that holds its object."""

    def __init__(self):
        raise TypeError("Do not call PlasmaBuffer's constructor directly, use `PlasmaClient.create` instead.")


# ---- metadata of any size ----

_LONG = "plasma.long_metadata"
_LONG_TAG = codecs.type_hash(_LONG)
_DATA_SIZE = struct.Struct("<Q")  # the only metadata that such an object has itself


def _options(data_size, metadata):
    """(size, options) of create() for an object with these metadata."""
    size = memoryview(metadata).nbytes
    if size <= codecs.METADATA_LIMIT:
        return data_size, {"metadata": metadata}
    # list() and notifications read the size from the name.
    return data_size + size, {"metadata": _DATA_SIZE.pack(data_size), "type_tag": _LONG_TAG,
                              "type_name": f"{_LONG} {data_size}"}


def _parts(obj):
    """Returns an object's data and its metadata, as buffers."""
    if obj.type_tag != _LONG_TAG:
        return obj, obj.metadata
    try:
        (size,) = _DATA_SIZE.unpack(obj.metadata)
    except struct.error:
        size = obj.size + 1
    if size > obj.size:
        raise errors.TypeMismatch(f"object {obj.id.hex()} is stored with long metadata, but has none")
    return obj[:size], obj[size:]


def _sizes(data_size, metadata_size, type_name):
    """Returns (data size, metadata size), from the sizes that the store reports."""
    kind, _, size = type_name.partition(" ")
    if kind != _LONG or not size.isdecimal() or int(size) > data_size:
        return data_size, metadata_size
    return int(size), data_size - int(size)


codecs.add_decoder(_LONG_TAG, _LONG, lambda obj, store: bytes(_parts(obj)[0]))


def _as_id(object_id):
    return ObjectID(object_id.binary())


def _seconds(timeout_ms):
    return None if timeout_ms < 0 else timeout_ms / 1000


class PlasmaClient:
    """A client of a store. Use connect() to create one."""

    def __init__(self, store_socket_name=None, timeout=5, allow_pickle=True):
        self._store = None
        self._building = {}
        self._doomed = set()  # ids to delete when they are sealed
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
        """Returns a mutable buffer for a new object. Call seal() when it is written."""
        builder = self._create(object_id, data_size, metadata)
        self._building[object_id] = builder
        return pa.py_buffer(builder if builder.size == data_size else memoryview(builder)[:data_size])

    def _create(self, object_id, data_size, metadata):
        size, options = _options(data_size, metadata)
        builder = self._open.create(object_id, size, **options)
        if size != data_size:
            builder.write(metadata, data_size)
        return builder

    def _put_raw(self, data, object_id, metadata):
        if memoryview(metadata).nbytes <= codecs.METADATA_LIMIT:
            self._open.put_raw(data, object_id, metadata=metadata)
            return
        with self._create(object_id, memoryview(data).nbytes, metadata) as builder:
            builder.write(data, 0)

    @_plasma_errors
    def create_and_seal(self, object_id, data, metadata=b""):
        """Stores bytes under an id."""
        self._put_raw(data, object_id, metadata)

    @_plasma_errors
    def seal(self, object_id):
        """Makes a created object immutable and visible, unless it was deleted before."""
        self._take_builder(object_id).seal()
        if object_id in self._doomed:
            self._doomed.discard(object_id)
            self._open.remove(object_id)

    @_plasma_errors
    def abort(self, object_id):
        """Discards a created object."""
        self._take_builder(object_id).abort()
        self._doomed.discard(object_id)

    def _take_builder(self, object_id):
        builder = self._building.pop(object_id, None)
        if builder is None:
            raise errors.ObjectNotFound(f"this client is not writing object {object_id.hex()}")
        return builder

    @_plasma_errors
    def put_raw_buffer(self, value, object_id=None, metadata=b"", memcopy_threads=6):
        """Stores the bytes of a buffer. Returns its ObjectID."""
        target_id = object_id if object_id is not None else ObjectID.from_random()
        self._put_raw(value, target_id, metadata)
        return target_id

    @_plasma_errors
    def put(self, value, object_id=None, memcopy_threads=6, serialization_context=None):
        """Stores a Python value. Returns its ObjectID."""
        _warn_of_context(serialization_context)
        target_id = object_id if object_id is not None else ObjectID.from_random()
        self._open.put(value, target_id)
        return target_id

    # ---- reading ----

    @_plasma_errors
    def get_buffers(self, object_ids, timeout_ms=-1, with_meta=False):
        """A buffer for each id, or None for a missing object. With with_meta: (metadata, buffer) for each."""
        found = self._open.get_many_raw(object_ids, _seconds(timeout_ms))
        parts = [(None, None) if obj is None else _parts(obj) for obj in found]
        buffers = [None if data is None else pa.py_buffer(data) for data, _ in parts]
        if not with_meta:
            return buffers
        return [(None if metadata is None else bytes(metadata), buffer) for (_, metadata), buffer in zip(parts, buffers)]

    @_plasma_errors
    def get_metadata(self, object_ids, timeout_ms=-1):
        """A buffer of each object's metadata, or None if the object was not available."""
        found = self._open.get_many_raw(object_ids, _seconds(timeout_ms))
        return [None if obj is None else pa.py_buffer(_parts(obj)[1]) for obj in found]

    @_plasma_errors
    def get(self, object_ids, timeout_ms=-1, serialization_context=None):
        """The value of an id, or of each id of a list. ObjectNotAvailable for a missing object."""
        _warn_of_context(serialization_context)
        if not isinstance(object_ids, Sequence):
            return self.get([object_ids], timeout_ms)[0]
        found = self._open.get_many_raw(object_ids, _seconds(timeout_ms))
        return codecs.decode_all(found, self._open, ObjectNotAvailable)

    @_plasma_errors
    def contains(self, object_id):
        """Whether the object is present and sealed."""
        return self._open.exists(object_id)

    @_plasma_errors
    def hash(self, object_id):
        """Eight bytes that are equal for equal data and metadata."""
        data, metadata = _parts(self._open.get_raw(object_id))
        digest = hashlib.blake2b(data, digest_size=8)
        digest.update(metadata)
        return digest.digest()

    # ---- keeping and letting go ----

    def release(self, object_id):
        """Does nothing: an object is released when its buffers are gone."""

    _release = release

    @_plasma_errors
    def delete(self, object_ids):
        """Removes objects. Ignores unknown ids and None. An object that is being written is removed at its seal."""
        for object_id in object_ids:
            if object_id is None:
                continue
            try:
                self._open.remove(object_id)
            except errors.NotSealed:
                if object_id in self._building:
                    self._doomed.add(object_id)

    @_plasma_errors
    def evict(self, num_bytes):
        """Evicts objects to recover num_bytes, if possible. Returns the recovered bytes of data and metadata."""
        store, recovered = self._open, 0
        while recovered < num_bytes:
            # `freed` is in bytes of extents: 1024 for an object of 1000.
            freed, bytes_of_objects = store._evict_and_count(num_bytes - recovered)
            if freed == 0:
                break
            recovered += bytes_of_objects
        return recovered

    # ---- looking ----

    @_plasma_errors
    def list(self):
        """{ObjectID: {data_size, metadata_size, ref_count, create_time, construct_duration, state}}"""
        return {_as_id(each.id): _info(each) for each in self._open.list()}

    def store_capacity(self):
        """The memory capacity of the store in bytes."""
        return _asked_for.get(self._open.path) or self._open.stats().capacity

    def debug_string(self):
        """Describes the store's contents, for people."""
        stats = self._open.stats()
        return (f"Dolium store {self.store_socket_name}: {stats.total_objects} objects, {stats.used_bytes} of "
                f"{stats.capacity} bytes used, {stats.in_use_bytes} in use, {stats.pinned_bytes} pinned, "
                f"{stats.unsealed_bytes} being written, {stats.evictable_bytes} evictable, {stats.client_count} clients")

    def set_client_options(self, client_name, limit_output_memory):
        """Not supported: a name is set at connection, and quotas are in the daemon's configuration."""
        warnings.warn("a dolium client's name is set at connection, its quota by doliumd's configuration; nothing was "
                      "changed", RuntimeWarning, stacklevel=2)

    def to_capsule(self):
        """Not supported: see the module's documentation."""
        raise NotImplementedError("a dolium store has no plasma::PlasmaClient; its C++ client is <dolium/dolium.h>")

    # ---- notifications ----

    @_plasma_errors
    def subscribe(self):
        """Subscribes to notifications about sealed objects (present objects come first) and removed objects."""
        if self._notifications is None:
            self._notifications = _Notifications(self._open)

    def get_notification_socket(self):
        """Returns a socket for reading messages: eight bytes of length in native order, then the message."""
        return self._subscribed().socket.dup()

    def decode_notifications(self, buf):
        """Returns (object ids, data sizes, metadata sizes) of a message. The sizes of removed objects are -1."""
        entries = [(ObjectID(id), data, metadata) for id, data, metadata in _ENTRY.iter_unpack(buf)]
        return [list(column) for column in zip(*entries)] if entries else [[], [], []]

    def get_next_notification(self):
        """Waits for the next notification: (object id, data size, metadata size). Sizes are -1 after a removal."""
        message = self._subscribed().read()
        return tuple(column[0] for column in self.decode_notifications(message))

    def _subscribed(self):
        if self._notifications is None:
            raise errors.InvalidArgument("call subscribe() first")
        return self._notifications

    # ---- life ----

    def disconnect(self):
        """Closes the connection to the store. Buffers stay valid."""
        if self._notifications is not None:
            self._notifications.close()
            self._notifications = None
        self._building.clear()
        self._doomed.clear()
        if self._store is not None:
            self._store.close()
            self._store = None


def _warn_of_context(serialization_context):
    if serialization_context is not None:
        warnings.warn("'serialization_context' is deprecated and not used: pickle does its work", FutureWarning,
                      stacklevel=4)


def _info(each):
    sealed = each.state == "sealed"
    data_size, metadata_size = _sizes(each.data_size, each.metadata_size, each.type_name)
    return {
        "data_size": data_size,
        "metadata_size": metadata_size,
        "ref_count": each.ref_count if sealed else 1,  # the creator's
        "create_time": int(each.created_at.timestamp()),
        "construct_duration": int((each.sealed_at - each.created_at).total_seconds()) if sealed else -1,
        "state": "sealed" if sealed else "created",
    }


_LENGTH = struct.Struct("@L")
_ENTRY = struct.Struct("<20sqq")
_LOOK_AGAIN = 0.02  # seconds until a full socket is tried again, if no event comes before


class _Notifications:
    """Events on a socket: a thread writes the events of a subscription to it. Events that are not read yet are
    kept here without limit, as in Plasma's store."""

    def __init__(self, store):
        self.socket, self._writer = server.pair_above_streams()
        self._store, self._events = store, store.subscribe()
        self._thread = threading.Thread(target=self._run, name="dolium-notifications", daemon=True)
        self._thread.start()

    def _run(self):
        # Ends with the socket or the daemon. Then the reader sees the end of the stream.
        unsent = bytearray()
        with self._writer, contextlib.suppress(OSError, ValueError):
            try:
                while True:
                    event = self._events._take(_LOOK_AGAIN if unsent else None)
                    if event is not None and event.kind != "overflow":
                        unsent += self._message(event)
                    self._send_some(unsent)
            except errors.Disconnected:
                self._writer.sendall(unsent)

    def _message(self, event):
        sizes = self._sizes(event) if event.kind == "sealed" else (-1, -1)
        entry = _ENTRY.pack(event.id.binary(), *sizes)
        return _LENGTH.pack(len(entry)) + entry

    def _send_some(self, unsent):
        """Sends as much as the socket takes at once."""
        with contextlib.suppress(BlockingIOError):
            while unsent:
                del unsent[:self._writer.send(unsent, socket.MSG_DONTWAIT)]

    def _sizes(self, event):
        name = ""
        if event.metadata_size == _DATA_SIZE.size:  # it may have long metadata
            with contextlib.suppress(errors.ObjectNotFound):
                name = self._store.metadata(event.id).type_name
        return _sizes(event.data_size, event.metadata_size, name)

    def read(self):
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return self._exactly(length)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise errors.Disconnected("the store is gone: no more notifications")
            data += part
        return data

    def close(self):
        self._writer.shutdown(socket.SHUT_RDWR)
        self._events.close()
        self.socket.close()
        self._thread.join()


#: {path: capacity that start_plasma_store() of this process was given}.
_asked_for: dict = {}


def connect(store_socket_name, num_retries=-1, *, allow_pickle=True):
    """Connects to the store at that socket. Retries every 100 ms, 50 times by default. Returns a PlasmaClient."""
    timeout = 0.1 * (50 if num_retries < 0 else num_retries)
    return PlasmaClient(store_socket_name, timeout, allow_pickle)


@contextlib.contextmanager
def start_plasma_store(plasma_store_memory, use_valgrind=False, use_profiler=False, plasma_directory=None,
                       use_hugepages=False, external_store=None):
    """Runs a store process during a `with` block, which receives (name of its socket, its Popen)."""
    refused = [name for name, value in (("use_valgrind", use_valgrind), ("use_profiler", use_profiler),
                                        ("plasma_directory", plasma_directory), ("external_store", external_store))
               if value]
    if refused:
        raise ValueError(f"a dolium store has no {', '.join(refused)}: see help(dolium.plasma)")
    with tempfile.TemporaryDirectory(prefix="plasma-") as folder:
        path = os.path.join(folder, "plasma.sock")
        asked = text.parse_size(plasma_store_memory)
        capacity = _capacity_for(asked)
        process = server.launch(capacity, path, *(["--huge-pages", "true"] if use_hugepages else []))
        try:
            if capacity == asked:
                _asked_for[path] = asked
            yield path, process
        finally:
            _asked_for.pop(path, None)
            server.stop(process)


def _capacity_for(asked):
    """Plasma started with any capacity, and died when the machine's memory was used up."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if asked <= machine:
        return asked
    capacity = machine * 3 // 4
    warnings.warn(f"this machine has {text.size_text(machine)} of memory, less than {text.size_text(asked)}: the store gets "
                  f"{text.size_text(capacity)}", RuntimeWarning, stacklevel=5)
    return capacity
