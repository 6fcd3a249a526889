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
- `delete` makes an object invisible at once, also one that is in use; Plasma waited for the last user. An object that this
  client is writing goes as soon as it is sealed; one that another client is writing stays.
- `evict` counts in bytes of data and metadata, as there; the sum is exact when no other client stores or removes meanwhile.
- Metadata beyond 64 KiB lie in the object's data, behind them: other interfaces to the store show them there.
- `hash` is a 64-bit BLAKE2b of data and metadata, where Plasma's was xxHash; both are for comparing, not for keeping.
- `abort`, which Plasma had in C++ only, frees the id when the last view of the created buffer is gone.
- `list` counts references, where Plasma counted clients; `construct_duration` is real.
- `get_notification_socket` carries the same events with the same framing (eight bytes of length, then a message); what
  is in a message is ours, and `decode_notifications` reads it.
- `to_capsule` raises NotImplementedError: the capsule held a pointer to Plasma's C++ client, which nobody has any more.
- A store has room for exactly its capacity; Plasma needed some of it for itself. `store_capacity` is what start_plasma_store()
  was asked for in the process that called it, and whole pages elsewhere. A capacity above this machine's memory is lowered, with
  a warning. `use_valgrind`, `use_profiler`,
  `plasma_directory` and `external_store` of start_plasma_store are refused, as there is nothing behind them: the memory
  is a memfd, in no directory, and there is no store outside it.
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


# ---- metadata of any size ----

_LONG = "plasma.long_metadata"
_LONG_TAG = codecs.type_hash(_LONG)
_DATA_SIZE = struct.Struct("<Q")  # all the metadata that such an object has itself


def _options(data_size, metadata):
    """(size, options) of create() for an object with these metadata."""
    size = memoryview(metadata).nbytes
    if size <= codecs.METADATA_LIMIT:
        return data_size, {"metadata": metadata}
    # The name tells list() and notifications.
    return data_size + size, {"metadata": _DATA_SIZE.pack(data_size), "type_tag": _LONG_TAG,
                              "type_name": f"{_LONG} {data_size}"}


def _parts(obj):
    """An object's data and its metadata, as buffers."""
    if obj.type_tag != _LONG_TAG:
        return obj, obj.metadata
    try:
        (size,) = _DATA_SIZE.unpack(obj.metadata)
    except struct.error:
        size = obj.size + 1
    if size > obj.size:
        raise errors.TypeMismatch(f"object {obj.id.hex()} says it has long metadata, and has none")
    return obj[:size], obj[size:]


def _sizes(data_size, metadata_size, type_name):
    """The same of the sizes that the store tells."""
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
    """A client of a store; connect() makes one."""

    def __init__(self, store_socket_name=None, timeout=5, allow_pickle=True):
        self._store = None
        self._building = {}
        self._doomed = set()  # to be deleted when they are sealed
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
        """The created object was never there."""
        self._take_builder(object_id).abort()
        self._doomed.discard(object_id)

    def _take_builder(self, object_id):
        builder = self._building.pop(object_id, None)
        if builder is None:
            raise errors.ObjectNotFound(f"this client is not writing object {object_id.hex()}")
        return builder

    @_plasma_errors
    def put_raw_buffer(self, value, object_id=None, metadata=b"", memcopy_threads=6):
        """Stores the bytes of a buffer; its ObjectID."""
        target_id = object_id if object_id is not None else ObjectID.from_random()
        self._put_raw(value, target_id, metadata)
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
        parts = [(None, None) if obj is None else _parts(obj) for obj in found]
        buffers = [None if data is None else pa.py_buffer(data) for data, _ in parts]
        if not with_meta:
            return buffers
        return [(None if metadata is None else bytes(metadata), buffer) for (_, metadata), buffer in zip(parts, buffers)]

    @_plasma_errors
    def get_metadata(self, object_ids, timeout_ms=-1):
        """A buffer of each object's metadata, None where the object was not available."""
        found = self._open.get_many_raw(object_ids, _seconds(timeout_ms))
        return [None if obj is None else pa.py_buffer(_parts(obj)[1]) for obj in found]

    @_plasma_errors
    def get(self, object_ids, timeout_ms=-1, serialization_context=None):
        """The value of an id, or of each id of a list; ObjectNotAvailable where it was not available."""
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
        """Nothing: an object is released when its buffers are gone."""

    _release = release

    @_plasma_errors
    def delete(self, object_ids):
        """Removes objects; unknown ones, and None, are left alone. One that is being written goes when it is sealed."""
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
        """Evicts objects to recover at least num_bytes if possible; how many bytes of data and metadata were recovered."""
        store, recovered = self._open, 0
        while recovered < num_bytes:
            before = store.stats().total_size
            freed = store.evict(num_bytes - recovered)  # in what the memory was cut to: 1024 for an object of 1000
            if freed == 0:
                break
            bytes_of_objects = before - store.stats().total_size
            recovered += bytes_of_objects if 0 <= bytes_of_objects <= freed else freed  # else others had a part in it
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
_LOOK_AGAIN = 0.02  # seconds until a full socket is tried again, when no event comes before


class _Notifications:
    """Events on a socket: a thread writes there what a subscription says. What its reader has not taken is kept here without
    limit, as Plasma's store did."""

    def __init__(self, store):
        self.socket, self._writer = server.pair_above_streams()
        self._store, self._events = store, store.subscribe()
        self._thread = threading.Thread(target=self._run, name="dolium-notifications", daemon=True)
        self._thread.start()

    def _run(self):
        # Ends with the socket or the daemon, whichever goes first; the reader finds the end of the stream.
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
        """What the socket takes at once."""
        with contextlib.suppress(BlockingIOError):
            while unsent:
                del unsent[:self._writer.send(unsent, socket.MSG_DONTWAIT)]

    def _sizes(self, event):
        name = ""
        if event.metadata_size == _DATA_SIZE.size:  # its metadata may be long
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
                raise errors.Disconnected("the store is gone, and with it its notifications")
            data += part
        return data

    def close(self):
        self._writer.shutdown(socket.SHUT_RDWR)
        self._events.close()
        self.socket.close()
        self._thread.join()


#: What start_plasma_store() of this process was asked for: {path: capacity}.
_asked_for: dict = {}


def connect(store_socket_name, num_retries=-1, *, allow_pickle=True):
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
    """Plasma began with any capacity, and died when it had used up the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if asked <= machine:
        return asked
    capacity = machine * 3 // 4
    warnings.warn(f"this machine has {text.size_text(machine)} of memory, and the store was to have {text.size_text(asked)}: "
                  f"it has {text.size_text(capacity)}", RuntimeWarning, stacklevel=5)
    return capacity
