"""ObjectStore: the interface of a store, of a daemon (Client) or of this process (InProcessStore).

Threads may share a store. A waiting thread does not block the others, and releases the GIL. Ctrl-C ends a wait in the
main thread. Timeouts are seconds, a timedelta, or None for no limit; 0 does not wait. Ids are `ObjectId`s.
"""

from __future__ import annotations

import datetime
import os
from typing import Any, Dict, Iterable, List, Mapping, Optional, TypeVar, Union

from . import _dolium, aio, arrays, codecs, notebook, refs
from ._arguments import Buffer, Life, Size, Timeout, id_or_new
from ._dolium import Object, ObjectBuilder, ObjectId
from .arrays import ArrayBuilder
from .async_calls import AsyncCalls
from .errors import Disconnected, InvalidArgument
from .records import ClientInfo, ObjectMetadata, StoreStats
from .refs import ObjectRef
from .subscription import Subscription
from .text import parse_size

Self = TypeVar("Self", bound="ObjectStore")


class ObjectStore(AsyncCalls, _dolium.Store):
    """The interface of Client and InProcessStore. The package's documentation has a tour.

    >>> store = InProcessStore("16MiB")
    >>> id = store.put("salve")
    >>> store.get(id)
    'salve'
    >>> bytes(store.get_raw(id))
    b'salve'
    """

    #: Whether get() may read pickles, which run code of their writer.
    allow_pickle: bool = False
    #: Retention of objects that are made without one: "cache", "keep", or None: as the daemon is configured.
    retention: Optional[str] = None

    # The calls for asyncio are in async_calls.py.

    # ---- writing ----

    def create(self, id: Optional[ObjectId], size: int, *, metadata: Buffer = b"", type_tag: int = 0,
               type_name: str = "", pinned: bool = False, time_to_live: Life = None, time_to_idle: Life = None,
               timeout: Timeout = 0, label: str = "", grace: Life = None, grace_readers: int = 1,
               retention: Optional[str] = None) -> ObjectBuilder:
        """Creates an object of `size` bytes, to be written in place. Returns an `ObjectBuilder`, a writable buffer.

        As a context manager, it seals at the end of the block, and aborts if the block raises.

        >>> store = InProcessStore("16MiB")
        >>> with store.create(ObjectId.from_name("squares"), 3) as builder:
        ...     builder[:] = bytes(i * i for i in range(3))
        >>> list(store.get_raw(ObjectId.from_name("squares")))
        [0, 1, 4]

        With an `id` of None, the object gets a new id. Raises ObjectExists if the id exists, sealed or not; TooLarge if
        the object can never fit; StoreFull if there is no room and nothing more can be evicted, or StoreTimeout if
        `timeout` passed meanwhile.

        `label` is a name for people and for list(): at most 255 bytes of UTF-8, not unique. get() does not find an
        object by it.

        With a `grace` (at most one hour), the object is not evicted until `grace_readers` other clients have got it, or
        until that time has passed since the seal: for a reader that is about to come. See also extend_grace().

        `retention` says what happens when the memory is needed: "cache": the object is gone; "keep": it is on disk, and
        a get reads it back. None: as the client says (Client(retention=...)), or else as the daemon is configured. A
        store without a spill directory, and an InProcessStore, refuse "keep" with InvalidArgument.
        """
        return _dolium.create(self, id_or_new(id), size,
                              (metadata, type_tag, type_name, pinned, time_to_live, time_to_idle, timeout, label, grace,
                               grace_readers, retention or self.retention))

    def create_array(self, id: Optional[ObjectId], shape: Any, dtype: Any, *, pinned: bool = False,
                     time_to_live: Life = None, time_to_idle: Life = None, timeout: Timeout = 0,
                     label: str = "", grace: Life = None, grace_readers: int = 1,
                     retention: Optional[str] = None) -> ArrayBuilder:
        """Creates a numpy array to be written in place: an object like that of a put array. Errors as create().

        `shape` is an int or a tuple of ints. `dtype` is numpy's, or the name of a type that all languages share, such
        as "f32" or "f32[]" (see Object.view()).

        >>> store = InProcessStore("16MiB")
        >>> with store.create_array(None, (2, 3), "f32") as builder:
        ...     builder.array[:] = 1.5
        >>> float(store.get(builder.id).sum())
        9.0
        """
        return arrays.create_array(self, id, shape, dtype, pinned=pinned, time_to_live=time_to_live,
                                   time_to_idle=time_to_idle, timeout=timeout, label=label, grace=grace,
                                   grace_readers=grace_readers, retention=retention)

    def put(self, value: Any, id: Optional[ObjectId] = None, *, pinned: bool = False, time_to_live: Life = None,
            time_to_idle: Life = None, timeout: Timeout = 0, label: str = "", grace: Life = None,
            grace_readers: int = 1, retention: Optional[str] = None) -> ObjectId:
        """Stores a value in the format of its type (see dolium.codecs), and returns its id: a new one unless given.

        >>> store = InProcessStore("16MiB")
        >>> store.get(store.put(2.5))
        2.5

        With a `grace`, an id can be sent to another client and the object forgotten here: the object is not evicted
        before that client has got it, or before that time has passed.

        >>> id = store.put("for another client", grace=60)
        >>> store.metadata(id).grace_readers_left
        1

        Errors, `label` and `retention`, as create().
        """
        if isinstance(value, ObjectId):
            raise TypeError("put(value, id): the value comes first, and cannot be an ObjectId")
        payload, id = codecs.encode(value), id_or_new(id)
        if payload.fill is None:
            _dolium.put(self, id, payload.data, (payload.metadata, payload.type_tag, payload.type_name, pinned,
                                                 time_to_live, time_to_idle, timeout, label, grace, grace_readers,
                                                 retention or self.retention))
            return id
        with self.create(id, payload.size, metadata=payload.metadata, type_tag=payload.type_tag,
                         type_name=payload.type_name, pinned=pinned, time_to_live=time_to_live,
                         time_to_idle=time_to_idle, timeout=timeout, label=label, grace=grace,
                         grace_readers=grace_readers, retention=retention) as builder:
            payload.fill(builder)
        return id

    def put_raw(self, data: Buffer, id: Optional[ObjectId] = None, *, metadata: Buffer = b"", type_tag: int = 0,
                type_name: str = "", pinned: bool = False, time_to_live: Life = None, time_to_idle: Life = None,
                timeout: Timeout = 0, label: str = "", grace: Life = None, grace_readers: int = 1,
                retention: Optional[str] = None) -> ObjectId:
        """Stores the bytes of any contiguous buffer, with metadata, and returns the id. Errors as create()."""
        id = id_or_new(id)
        _dolium.put(self, id, data, (metadata, type_tag, type_name, pinned, time_to_live, time_to_idle, timeout, label,
                                     grace, grace_readers, retention or self.retention))
        return id

    def put_many(self, values: Union[Mapping[ObjectId, Any], Iterable[Any]], *, label: str = "", grace: Life = None,
                 grace_readers: int = 1, retention: Optional[str] = None) -> List[ObjectId]:
        """Stores many values with few messages, in order. Does not wait for room.

        `values` is {id: value} or an iterable of values. Returns their ids. If values fail, the others are stored all
        the same, and then the first error is raised. All get the same `label`, `grace` and `retention`.

        >>> store = InProcessStore("16MiB")
        >>> store.get_many(store.put_many(["salve", 1, 2.5]))
        ['salve', 1, 2.5]
        """
        retention = retention or self.retention
        pairs = values.items() if hasattr(values, "items") else ((ObjectId.random(), value) for value in values)
        ids, items = [], []
        for id, value in pairs:
            payload = codecs.encode(value)
            ids.append(id_or_new(id))
            if payload.fill is None:
                items.append((id, payload.data, payload.metadata, payload.type_tag, payload.type_name))
                continue
            self._put_batch(items, label, grace, grace_readers, retention)  # keeps the order: the next one is written in place
            with self.create(id, payload.size, metadata=payload.metadata, type_tag=payload.type_tag,
                             type_name=payload.type_name, label=label, grace=grace,
                             grace_readers=grace_readers, retention=retention) as builder:
                payload.fill(builder)
        self._put_batch(items, label, grace, grace_readers, retention)
        return ids

    def _put_batch(self, items, *options):
        if items:
            failures = [failure for failure in _dolium.put_many(self, items, *options) if failure is not None]
            items.clear()
            if failures:
                raise failures[0]

    def put_files(self, paths: Iterable[Union[str, os.PathLike]], *, progress: bool = True) -> Dict[Any, ObjectId]:
        """Copies files into the store, straight from the page cache: {path: id}. See dolium.files."""
        from . import files

        return files.put_files(self, paths, progress=progress)

    # ---- reading ----

    def get(self, id: ObjectId, timeout: Timeout = 0, *, private: bool = False) -> Any:
        """Returns the value. Arrays and tables are read-only views of shared memory.

        With `private`, arrays (also those in a pickle, such as a pandas DataFrame) are writable: they lie in a private
        copy of the object, which costs only the pages that are written, and which no other get sees. Raw bytes come as
        a writable memoryview. Arrow tables, record batches and tensors raise InvalidArgument, because pyarrow never
        lets a program write to them.

        >>> import numpy
        >>> store = InProcessStore("16MiB")
        >>> id = store.put(numpy.zeros(3))
        >>> mine = store.get(id, private=True)
        >>> mine += 1
        >>> mine, store.get(id)
        (array([1., 1., 1.]), array([0., 0., 0.]))

        Errors as get_raw(). TypeMismatch if this process cannot read the object's type. PickleNotAllowed if it is a
        pickle and the store was not opened with allow_pickle=True.
        """
        return codecs.decoder(private)(self.get_raw(id, timeout), self)

    def view(self, id: ObjectId, dtype: Any, timeout: Timeout = 0, *, private: bool = False) -> Any:
        """Returns the elements as a read-only numpy array, in place, and checks their type: see Object.view(). With
        `private`, the array is writable, as that of get().

        >>> import numpy
        >>> store = InProcessStore("16MiB")
        >>> store.view(store.put(numpy.arange(3.0)), "f64")
        array([0., 1., 2.])

        Errors as get_raw(). TypeMismatch if the object was stored as elements of another type.
        """
        obj = self.get_raw(id, timeout)
        return (obj.private_copy() if private else obj).view(dtype)

    def ref(self, id_or_ticket: Union[ObjectId, str], type_name: Optional[str] = None) -> ObjectRef:
        """Returns an `ObjectRef`: of an id, or of the ticket of another ObjectRef, usually in another process.

        Does not access the store. InvalidArgument if the text is no ticket. With a `type_name` ("f64[]", "utf8"),
        TypeMismatch if the ticket is for another type.

        >>> store = InProcessStore("16MiB")
        >>> store.ref(store.ref(store.put("salve")).ticket()).get()
        'salve'
        """
        return refs.make_ref(self, id_or_ticket, type_name)

    def get_many(self, ids: Iterable[ObjectId], timeout: Timeout = 0, *, default: Any = None,
                 count: Optional[int] = None, private: bool = False) -> List[Any]:
        """Returns the values, in the order of the ids. Waits for all, or until `count` of them are there; `default`
        replaces those that are missing then. `private` as in get().

        >>> store = InProcessStore("16MiB")
        >>> store.get_many([store.put(1), ObjectId.from_name("nobody")])
        [1, None]
        >>> store.get_many([store.put(1), ObjectId.from_name("nobody")], timeout=60, count=1)
        [1, None]
        """
        return codecs.decode_all(self.get_many_raw(ids, timeout, count=count), self, default, private)

    def get_many_raw(self, ids: Iterable[ObjectId], timeout: Timeout = 0, *,
                     count: Optional[int] = None) -> List[Optional[Object]]:
        """Returns the Objects, in the order of the ids, as soon as all of them, or `count` of them, are there. None for
        those that are missing then."""
        return _dolium.get_many_raw(self, list(ids), timeout, count)

    def exists_many(self, ids: Iterable[ObjectId]) -> List[bool]:
        """exists() for many ids in one call: a list of bools.

        >>> store = InProcessStore("16MiB")
        >>> store.exists_many([store.put(1), ObjectId.from_name("nobody")])
        [True, False]
        """
        return _dolium.exists_many(self, list(ids))

    def __contains__(self, id: ObjectId) -> bool:
        return self.exists(id)

    def metadata(self, id: ObjectId) -> ObjectMetadata:
        """Describes an object, also an unsealed one: an `ObjectMetadata`. It lists the clients that hold the object,
        and those that wait for it.

        >>> store = InProcessStore("16MiB")
        >>> store.metadata(store.put("salve")).type_name
        'utf8'
        >>> held = store.get_raw(store.put("vale"))
        >>> [holder.references for holder in store.metadata(held.id).holders]
        [1]
        """
        return ObjectMetadata._of(_dolium.metadata(self, id))

    # ---- taking ----

    def take(self, id: ObjectId, timeout: Timeout = 0, *, private: bool = False) -> Any:
        """Gets a value and removes its object, in one step. Of several takers of one object exactly one gets it. Gets
        that wait for the object are served first. Waits as get(); `private` as there.

        >>> store = InProcessStore("16MiB")
        >>> id = store.put("salve")
        >>> store.take(id), store.exists(id)
        ('salve', False)

        Errors as get(). If the value cannot be read (TypeMismatch, PickleNotAllowed), the exception's attribute `taken`
        is the Object, which is in the store no more.

        At most once: the object is lost if this process dies before it has the object. If the daemon's server dies
        then, take() raises Disconnected. It is never repeated.
        """
        return self._decode_taken(self.take_raw(id, timeout), private)

    def take_raw(self, id: ObjectId, timeout: Timeout = 0) -> Object:
        """As take(); returns the Object."""
        return _dolium.take_raw(self, id, timeout)

    def _decode_taken(self, taken, private):
        try:
            return codecs.decoder(private)(taken, self)
        except Exception as error:
            error.taken = taken
            raise

    # ---- keeping and letting go ----

    def pin(self, id: ObjectId) -> None:
        """Pins an object: it is not evicted and does not expire until unpin(), even if the pinning client is gone."""
        _dolium.pin(self, id)

    def unpin(self, id: ObjectId) -> None:
        """Ends a pin. No error if the object is not pinned."""
        _dolium.unpin(self, id)

    def extend_grace(self, id: ObjectId, duration: Union[float, datetime.timedelta], readers: int = 1) -> None:
        """Keeps an object for clients that are about to get it: it is not evicted until `readers` other clients have
        got it from now on, or until `duration` has passed (at most one hour), even if this client is gone.

        Never shortens a grace: the later end and the greater number of readers hold. The bytes count against the user's
        quota of pinned bytes. remove(), clear(), time to live and time to idle end the object all the same. In an
        InProcessStore, any get ends the grace.

        >>> store = InProcessStore("16MiB")
        >>> id = store.put("for another client")
        >>> store.extend_grace(id, 60)
        >>> store.get(id)
        'for another client'
        >>> store.metadata(id).grace_left is None
        True
        """
        _dolium.extend_grace(self, id, duration, readers)

    def remove(self, id: Union[ObjectId, ObjectMetadata]) -> bool:
        """Removes an object. It is invisible and its id free at once. Its memory is freed at the last release.

        Returns False if there is no such object. An ObjectMetadata, of list() or metadata(), means the object that it
        describes: another one that was put under its id since is spared, and the result is False.

        >>> store = InProcessStore("16MiB")
        >>> id = store.put(1)
        >>> store.remove(id), store.remove(id)
        (True, False)
        """
        if isinstance(id, ObjectMetadata):
            return _dolium.remove_described(self, id.id, id.seal_stamp)
        return _dolium.remove(self, id)

    def evict(self, size: Size) -> int:
        """Evicts the coldest objects until `size` bytes (or "64MiB") are freed. Returns the bytes really freed."""
        return _dolium.evict(self, parse_size(size))

    def _evict_and_count(self, size: Size) -> tuple[int, int]:
        """evict(); returns also the bytes of data and metadata that the evicted objects had."""
        return _dolium.evict_and_count(self, parse_size(size))

    def trim(self) -> int:
        """Gives free memory of the store back to the system. Returns how many bytes. New objects take it again.

        >>> store = InProcessStore("64MiB")
        >>> store.remove(store.put(bytes(8 << 20)))
        True
        >>> store.trim() >= 8 << 20
        True
        """
        return _dolium.trim(self)

    def clear(self) -> None:
        """Removes every sealed object, pinned ones included. Objects that are held stay readable for their holders."""
        _dolium.clear(self)

    # ---- looking ----

    def stats(self) -> StoreStats:
        """Returns a `StoreStats`: how full the store is, why, and its counters. `last_refusal` says why the last create
        had no room, and which clients held the memory then.
        """
        return StoreStats._of(_dolium.stats(self))

    def list(self, *, label_prefix: str = "", type_name: str = "", state: str = "",
             creator_pid: int = 0) -> List[ObjectMetadata]:
        """An `ObjectMetadata` for each object, sealed or not, that has all the given properties. A daemon sends only
        those. `state` is "sealed" or "unsealed".

        >>> store = InProcessStore("16MiB")
        >>> ids = [store.put(1, label="epoch-1/loss"), store.put(2, label="epoch-2/loss"), store.put(3)]
        >>> [each.label for each in store.list(label_prefix="epoch-2")]
        ['epoch-2/loss']
        """
        if state not in ("", "sealed", "unsealed"):
            raise InvalidArgument(f"state={state!r}: give \"sealed\", \"unsealed\", or \"\" for both")
        return [ObjectMetadata._of(row) for row in _dolium.list(self, label_prefix, type_name, state, creator_pid)]

    def clients(self) -> List[ClientInfo]:
        """A `ClientInfo` for each connection."""
        return [ClientInfo._of(row) for row in _dolium.clients(self)]

    def ping(self) -> None:
        """Returns while the store is there, else raises Disconnected. On a Client this is one round trip to the daemon.

        >>> InProcessStore("16MiB").ping()
        """
        _dolium.ping(self)

    def subscribe(self) -> Subscription:
        """Subscribes to sealed and removed objects. Present objects come first, as "sealed" events.

        Iterate over the result, with `for` or with `async for`.

        >>> store = InProcessStore("16MiB")
        >>> events = store.subscribe()
        >>> id = store.put("salve")
        >>> event = next(events)
        >>> event.kind, event.id == id, event.data_size
        ('sealed', True, 5)
        """
        return Subscription(self)

    # ---- event loops other than asyncio ----

    def event_fd(self) -> int:
        """Returns a descriptor that is readable when process_events() has work to do. The store owns it."""
        return _dolium.event_fd(self)

    def process_events(self) -> None:
        """Runs the callbacks that are due. Never blocks. Call it from event loops other than asyncio."""
        _dolium.process_events(self)

    # ---- life ----

    def close(self) -> None:
        """Closes the store. Its objects and builders stay valid. Waits of other threads, and pending asynchronous
        operations, end with Disconnected."""
        aio.abandon(self, Disconnected("the store was closed"))
        self._close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return notebook.store_html(self)


from .client import Client  # at the end: they extend ObjectStore
from .in_process_store import InProcessStore
