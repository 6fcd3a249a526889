"""ObjectStore: what a store can do, behind a daemon (Client) or in this process (InProcessStore).

Threads may share a store; a thread that waits holds up no other, and lets go of the GIL. Ctrl-C ends a wait in the main
thread. Timeouts are seconds, a timedelta, or None for ever; 0 does not wait. Ids are `ObjectId`s.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from typing import Any, Dict, Iterable, List, Mapping, Optional, TypeVar, Union

from . import _dolium, aio, codecs, notebook
from ._dolium import Object, ObjectBuilder, ObjectId
from .errors import Disconnected, InvalidArgument
from .records import ClientInfo, ObjectMetadata, StoreStats
from .subscription import Subscription
from .text import parse_size, size_text


#: Seconds, a timedelta, or None for ever.
Timeout = Union[float, datetime.timedelta, None]
#: How long an object lives: seconds, a timedelta, or None for ever.
Life = Union[float, datetime.timedelta, None]
#: Whatever supports the buffer protocol contiguously: typing has no name for it before Python 3.12.
Buffer = Any
#: Bytes, or text such as "64MiB".
Size = Union[int, str]

Self = TypeVar("Self", bound="ObjectStore")


class ObjectStore(_dolium.Store):
    """What Client and InProcessStore have in common; see the package's documentation for a tour.

    >>> store = InProcessStore("16MiB")
    >>> id = store.put("salve")
    >>> store.get(id)
    'salve'
    >>> bytes(store.get_raw(id))
    b'salve'
    """

    #: Whether get() may read pickles, which run the code that their writer chose.
    allow_pickle: bool = False

    # ---- writing ----

    def create(self, id: Optional[ObjectId], size: int, *, metadata: Buffer = b"", type_tag: int = 0,
               type_name: str = "", pinned: bool = False, time_to_live: Life = None, time_to_idle: Life = None,
               timeout: Timeout = 0) -> ObjectBuilder:
        """Room for an object of `size` bytes, to be written in place: an `ObjectBuilder`, which is a writable buffer.

        As a context manager it seals when the block ends, and aborts when the block raises.

        >>> store = InProcessStore("16MiB")
        >>> with store.create(ObjectId.from_name("squares"), 3) as builder:
        ...     builder[:] = bytes(i * i for i in range(3))
        >>> list(store.get_raw(ObjectId.from_name("squares")))
        [0, 1, 4]

        An `id` of None is a fresh one. ObjectExists when the id is taken, sealed or not; TooLarge when it can never
        fit; StoreFull when nothing (more) can be evicted, or StoreTimeout when `timeout` passed meanwhile.
        """
        return _dolium.create(self, _id(id), size, metadata, type_tag, type_name, pinned, time_to_live, time_to_idle,
                              timeout)

    def put(self, value: Any, id: Optional[ObjectId] = None, *, pinned: bool = False, time_to_live: Life = None,
            time_to_idle: Life = None, timeout: Timeout = 0) -> ObjectId:
        """Stores a value in the format of its type (see dolium.codecs), and returns its id: a fresh one unless given.

        >>> store = InProcessStore("16MiB")
        >>> store.get(store.put(2.5))
        2.5

        Errors as create().
        """
        if isinstance(value, ObjectId):
            raise TypeError("put(value, id): the value comes first; an ObjectId is no value")
        payload, id = codecs.encode(value), _id(id)
        if payload.fill is None:
            _dolium.put(self, id, payload.data, payload.metadata, payload.type_tag, payload.type_name, pinned,
                        time_to_live, time_to_idle, timeout)
            return id
        with self.create(id, payload.size, metadata=payload.metadata, type_tag=payload.type_tag,
                         type_name=payload.type_name, pinned=pinned, time_to_live=time_to_live,
                         time_to_idle=time_to_idle, timeout=timeout) as builder:
            payload.fill(builder)
        return id

    def put_raw(self, data: Buffer, id: Optional[ObjectId] = None, *, metadata: Buffer = b"", type_tag: int = 0,
                type_name: str = "", pinned: bool = False, time_to_live: Life = None, time_to_idle: Life = None,
                timeout: Timeout = 0) -> ObjectId:
        """Stores the bytes of any contiguous buffer, with metadata, and returns the id. Errors as create()."""
        id = _id(id)
        _dolium.put(self, id, data, metadata, type_tag, type_name, pinned, time_to_live, time_to_idle, timeout)
        return id

    def put_many(self, values: Union[Mapping[ObjectId, Any], Iterable[Any]]) -> List[ObjectId]:
        """Stores many values with few messages, in order; none waits for room.

        `values` is {id: value} or an iterable of values. Returns their ids. The first that failed is raised, when all
        have been tried: those that did not fail are there.

        >>> store = InProcessStore("16MiB")
        >>> store.get_many(store.put_many(["salve", 1, 2.5]))
        ['salve', 1, 2.5]
        """
        pairs = values.items() if hasattr(values, "items") else ((ObjectId.random(), value) for value in values)
        ids, items = [], []
        for id, value in pairs:
            payload = codecs.encode(value)
            ids.append(_id(id))
            if payload.fill is None:
                items.append((id, payload.data, payload.metadata, payload.type_tag, payload.type_name))
                continue
            self._put_batch(items)  # one that is written in place keeps its place in the order
            with self.create(id, payload.size, metadata=payload.metadata, type_tag=payload.type_tag,
                             type_name=payload.type_name) as builder:
                payload.fill(builder)
        self._put_batch(items)
        return ids

    def _put_batch(self, items):
        if items:
            failures = [failure for failure in _dolium.put_many(self, items) if failure is not None]
            items.clear()
            if failures:
                raise failures[0]

    def put_files(self, paths: Iterable[Union[str, os.PathLike]], *, progress: bool = True) -> Dict[Any, ObjectId]:
        """Copies files into the store, straight from the page cache: {path: id}. See dolium.files."""
        from . import files

        return files.put_files(self, paths, progress=progress)

    # ---- reading ----

    def get(self, id: ObjectId, timeout: Timeout = 0) -> Any:
        """The value, in the format it was put in. Arrays and tables come back as read-only views of shared memory.

        Errors as get_raw(); TypeMismatch when the object holds a type that this process cannot read; PickleNotAllowed
        when it is a pickle and the store was not opened with allow_pickle=True.
        """
        return codecs.decode(self.get_raw(id, timeout), self)

    def get_many(self, ids: Iterable[ObjectId], timeout: Timeout = 0, *, default: Any = None) -> List[Any]:
        """The values, positions kept. Waits for all; `default` stands for those that are not there by then.

        >>> store = InProcessStore("16MiB")
        >>> store.get_many([store.put(1), ObjectId.from_name("nobody")])
        [1, None]
        """
        return codecs.decode_all(self.get_many_raw(ids, timeout), self, default)

    def get_many_raw(self, ids: Iterable[ObjectId], timeout: Timeout = 0) -> List[Optional[Object]]:
        """The Objects, or None for those that are not there when the time is over, positions kept."""
        return _dolium.get_many_raw(self, list(ids), timeout)

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
        """What the store knows of an object, also of one that is still being written: an `ObjectMetadata`. It tells
        who holds the object, and who waits for it.

        >>> store = InProcessStore("16MiB")
        >>> store.metadata(store.put("salve")).type_name
        'utf8'
        >>> held = store.get_raw(store.put("vale"))
        >>> [holder.references for holder in store.metadata(held.id).holders]
        [1]
        """
        return ObjectMetadata._of(_dolium.metadata(self, id))

    # ---- keeping and letting go ----

    def pin(self, id: ObjectId) -> None:
        """A pinned object is not evicted and does not expire until unpin(), even when its setter is gone."""
        _dolium.pin(self, id)

    def unpin(self, id: ObjectId) -> None:
        """Unpinning what is not pinned is fine."""
        _dolium.unpin(self, id)

    def remove(self, id: ObjectId) -> bool:
        """Invisible at once, and the id free again; its memory comes back at the last release. False: no such object.

        >>> store = InProcessStore("16MiB")
        >>> id = store.put(1)
        >>> store.remove(id), store.remove(id)
        (True, False)
        """
        return _dolium.remove(self, id)

    def evict(self, size: Size) -> int:
        """Evicts, coldest first, until `size` bytes (or "64MiB") are free; returns the bytes really freed."""
        return _dolium.evict(self, parse_size(size))

    def clear(self) -> None:
        """Removes every sealed object, pinned ones too; what is held stays readable for its holders."""
        _dolium.clear(self)

    # ---- looking ----

    def stats(self) -> StoreStats:
        """How full the store is, why, and what happened: a `StoreStats`. `last_refusal` says why the last create had
        no room, and who held the memory then.
        """
        return StoreStats._of(_dolium.stats(self))

    def list(self) -> List[ObjectMetadata]:
        """An `ObjectMetadata` for each object, sealed or not."""
        return [ObjectMetadata._of(row) for row in _dolium.list(self)]

    def clients(self) -> List[ClientInfo]:
        """A `ClientInfo` for each connection."""
        return [ClientInfo._of(row) for row in _dolium.clients(self)]

    def subscribe(self) -> Subscription:
        """What comes into the store and what leaves it, from now on; what is there comes first, as "sealed" events.

        Iterate over it, with `for` or with `async for`.

        >>> store = InProcessStore("16MiB")
        >>> events = store.subscribe()
        >>> id = store.put("salve")
        >>> event = next(events)
        >>> event.kind, event.id == id, event.data_size
        ('sealed', True, 5)
        """
        return Subscription(self)

    # ---- asyncio ----

    async def get_async(self, id: ObjectId, timeout: Timeout = None) -> Any:
        """get() for asyncio; waits for ever unless told otherwise. Cancelling it cancels it in the daemon."""
        return codecs.decode(await self.get_raw_async(id, timeout), self)

    async def get_raw_async(self, id: ObjectId, timeout: Timeout = None) -> Object:
        """get_raw() for asyncio; waits for ever unless told otherwise."""
        return await aio.operation(self, _dolium.get_async, id, timeout)

    async def get_many_async(self, ids: Iterable[ObjectId], timeout: Timeout = None) -> List[Any]:
        """The values of all ids; StoreTimeout when one of them is not there in time."""
        return codecs.decode_all(await aio.gather(self, ids, timeout), self)

    async def create_async(self, id: Optional[ObjectId], size: int, *, metadata: Buffer = b"", type_tag: int = 0,
                           type_name: str = "", pinned: bool = False, time_to_live: Life = None,
                           time_to_idle: Life = None, timeout: Timeout = None) -> ObjectBuilder:
        """create() for asyncio: waits for room without holding up the loop."""
        return await aio.operation(self, _dolium.create_async, _id(id), size, metadata, type_tag, type_name, pinned,
                                   time_to_live, time_to_idle, timeout)

    async def put_async(self, value: Any, id: Optional[ObjectId] = None, *, pinned: bool = False,
                        time_to_live: Life = None, time_to_idle: Life = None, timeout: Timeout = None) -> ObjectId:
        """put() for asyncio: waits for room without holding up the loop, and copies much in another thread."""
        payload, id = codecs.encode(value), _id(id)
        size = payload.size if payload.fill is not None else memoryview(payload.data).nbytes
        with await self.create_async(id, size, metadata=payload.metadata, type_tag=payload.type_tag,
                                     type_name=payload.type_name, pinned=pinned, time_to_live=time_to_live,
                                     time_to_idle=time_to_idle, timeout=timeout) as builder:
            await aio.run_copy(size, payload.fill or (lambda target: target.write(payload.data)), builder)
        return id

    def event_fd(self) -> int:
        """A descriptor that is readable when process_events() has something to do. Owned by the store."""
        return _dolium.event_fd(self)

    def process_events(self) -> None:
        """Runs the callbacks that are due. Never blocks. asyncio needs no call of it; other loops do."""
        _dolium.process_events(self)

    # ---- life ----

    def close(self) -> None:
        """Lets go of the store now. Objects and builders that came from it stay valid; waits of other threads, and
        asynchronous operations that are under way, end with Disconnected."""
        aio.abandon(self, Disconnected("the store was closed"))
        self._close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return notebook.store_html(self)


class Client(ObjectStore):
    """A connection to doliumd. Its objects are shared with all processes of this host that connect there.

    `path` is the daemon's socket: $DOLIUM_SOCKET or the default place when it is None. A `read_only` client gets no
    writable memory at all. `name` is shown by `dolium clients`. `connect_timeout` bounds the wait for a daemon that is
    not there yet. `allow_pickle` lets get() read pickles: only where you trust all who may write to the store.

    When the daemon has been stopped, or has died, its store is gone: what is held stays readable, and every call raises
    Disconnected. With `reconnect`, the client goes on with the next store at that path instead, which is another one:
    reads are repeated there, for `connect_timeout` or their own timeout; calls that change something raise Disconnected
    once and are not repeated; builders, pins and whatever else was in the old store are lost; subscriptions get an
    `overflow` event.

    get_raw(), exists() and letting go of an Object make no system call. When the process dies, by whatever death, the
    daemon takes back everything that it held or was writing. A client that is pickled, as multiprocessing does under
    "spawn", connects again where it arrives, whatever the working directory is there; a subclass stays one.

    >>> import dolium
    >>> with dolium.start_store("16MiB") as path:
    ...     with dolium.Client(path) as client:
    ...         client.get(client.put([1, 2.5, "III"]), timeout=5)
    Traceback (most recent call last):
        ...
    dolium.errors.PickleNotAllowed: object ... is a pickle, ...
    """

    def __init__(self, path: Union[str, os.PathLike, None] = None, *, read_only: bool = False, name: str = "",
                 connect_timeout: Timeout = 5, allow_pickle: bool = False, reconnect: bool = False) -> None:
        where = os.fsdecode(path) if path is not None else os.fsdecode(_dolium.default_socket_path())
        if "\0" in where:
            raise InvalidArgument(f"a socket's path has no NUL in it: {where!r}")
        self.allow_pickle = allow_pickle
        self._connect(os.path.abspath(where), {"read_only": read_only, "name": name, "reconnect": reconnect}, connect_timeout)

    def _connect(self, path, how, timeout):
        self.path, self._how = path, how
        _dolium.connect(self, os.fsencode(path), how["read_only"], how["name"], timeout, how["reconnect"])

    def ping(self) -> None:
        """A round trip to the daemon: is it there?"""
        _dolium.ping(self)

    @property
    def read_only(self) -> bool:
        """Whether the daemon granted reading alone."""
        return _dolium.is_read_only(self)

    @property
    def connected(self) -> bool:
        """Whether the store is there, as far as this process knows. No system call."""
        return _dolium.is_connected(self)

    @property
    def session_id(self) -> int:
        """The daemon's number for this connection, as `dolium clients` shows it."""
        return _dolium.session_id(self)

    def __reduce__(self):
        # A subclass keeps its attributes; its __init__ is not called again.
        kept = {name: value for name, value in self.__dict__.items() if name not in ("path", "_how", "_aio")}
        return _reconnect, (type(self), self.path, self._how), kept

    def __repr__(self):
        return f"<dolium.Client {self.path}, {_state(self)}>"


class InProcessStore(ObjectStore):
    """The same engine without a daemon, for one process: tests, tools, programs that never need a second process.

    >>> InProcessStore("64MiB")
    <dolium.InProcessStore 0 objects, 0 B of 64.0 MiB used>
    """

    def __init__(self, capacity: Size = 1 << 30, *, max_objects: int = 0, eviction_policy: str = "lru",
                 low_water_mark: float = 0.0, relocation: bool = True, preallocate: bool = False, prefault: bool = True,
                 huge_pages: bool = False, allow_pickle: bool = False) -> None:
        self.allow_pickle = allow_pickle
        _dolium.open_in_process(self, parse_size(capacity), max_objects, eviction_policy, low_water_mark, relocation,
                                preallocate, prefault, huge_pages)

    def __reduce__(self):
        raise TypeError("an InProcessStore belongs to its process: use a daemon and a Client to share objects")

    def __repr__(self):
        return f"<dolium.InProcessStore {_state(self)}>"


def _id(id):
    return ObjectId.random() if id is None else id


def _reconnect(kind, path, how):
    client = kind.__new__(kind)
    client._connect(path, how, 5)
    return client


def _state(store):
    if store.closed:
        return "closed"
    with contextlib.suppress(Disconnected):
        stats = store.stats()
        used, capacity = size_text(stats.used_bytes), size_text(stats.capacity)
        return f"{stats.total_objects} objects, {used} of {capacity} used"
    return "disconnected"
