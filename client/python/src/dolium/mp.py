"""multiprocessing by reference: large values travel between processes as tickets, and their bytes stay in the store.

    client = dolium.Client()
    dolium.mp.enable(client)

From then on, what this process sends with multiprocessing (queues, pipes, Pool, ProcessPoolExecutor, arguments of
"spawn" and "forkserver") is examined as it is pickled:

| value | travels as |
|---|---|
| an Object, or a numpy array whose memory is one, that this client got | a ticket |
| a pyarrow Table or RecordBatch that get() has returned since enable() | a ticket |
| any other array, Table or RecordBatch of at least `min_bytes`, without Python objects | an object that is put first, and its ticket |
| everything else, also `bytes` | a pickle, as before |

To receive, a process needs no call of enable(): it connects to the same socket when the first ticket arrives. Values that
came by ticket are read-only there. `numpy.array(a)` makes a copy. A worker that returns values is a sender, too: under
"spawn" and "forkserver" it needs its own call, for example in a pool's initializer, or its results travel by value:

    def start_worker(path):
        dolium.mp.enable(dolium.Client(path))

    ProcessPoolExecutor(initializer=start_worker, initargs=(client.path,))

**Lifetime.** A ticket's object has a grace of 300 s: it is not evicted until the receiver has it, even if the sender ends
meanwhile. If it is sent several times, it is kept until as many processes have it. If it is sent more often than there are
receiving processes, as by a pool's map(), that is always 300 s after the last message. For a backlog of more than five
minutes, give enable() a longer `grace`.

An object that was put for a message is taken by the receiver: its memory is free after the last use there. So such a
message can be unpickled once, as multiprocessing does it. If the message cannot be pickled after all, what was put for
it is removed at once. If it is pickled but never sent or received, the object stays for its grace.

If the receiver comes too late, and the object is gone, unpickling raises ObjectNotFound. Not in a Pool or a
ProcessPoolExecutor, where such an exception would end the worker, or the thread that collects results: there a `Lost`
arrives in place of the value, and each use of it raises the error. So the task fails, and the pool goes on.

**By value.** If the store has no room, the user's quota for graced bytes is used up, the client is read-only or its store
is gone, the value is pickled as before. `counts()` tells how often that happened, and why last.

Only multiprocessing's own pickler is concerned (`ForkingPickler`). `pickle.dumps`, files and caches never hold tickets,
because a ticket is of no use after the grace.
"""

import contextlib
import importlib.util
import pickle
import threading
import time
import weakref
from multiprocessing.reduction import ForkingPickler
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple, Union

from . import codecs
from ._dolium import Object, ObjectId
from ._lost import Lost, or_lost
from .errors import DoliumError, InvalidArgument
from .store import Client
from .text import parse_size

#: Seconds for which the object of a ticket is kept for its receiver, unless enable() says otherwise.
GRACE = 300.0


class Counts(NamedTuple):
    """How values travelled since enable(), in this process."""

    #: Values that were in the store already.
    by_ticket: int = 0
    #: Values that were put first.
    put: int = 0
    #: Values of at least `min_bytes` that were pickled, because the store refused them.
    by_value: int = 0
    #: The last reason for that, or for a put of what was in the store already; empty if there was none.
    last_refusal: str = ""


class _State:
    """What enable() sets: one for the process. A forked child has a copy."""

    def __init__(self) -> None:
        self.client: Optional[Client] = None
        self.min_bytes = 0
        self.grace = GRACE
        self.counts = Counts()
        #: {id(table): (weak reference, the Object that the table lies in)}
        self.tables: Dict[int, Any] = {}
        #: {id of an object: (tickets that may be under way, when the last one is void)}
        self.tickets: Dict[ObjectId, Tuple[int, float]] = {}


_state = _State()
#: What enable() has registered with ForkingPickler.
_registered: Dict[type, Callable] = {}
#: {path of a socket: Client}, for tickets that arrive.
_clients: Dict[str, Client] = {}
_connecting = threading.Lock()
#: Of each thread: `puts`, the ids of what was put for the message that is being pickled.
_message = threading.local()


def enable(client: Client, min_bytes: Union[int, str] = "64KiB", *, grace: float = GRACE) -> None:
    """Lets values travel through multiprocessing by reference, for this process and the children that it forks.

    `client` is a connection with write access. It must stay open as long as this is enabled. Arrays and tables that are
    not in the store are put there if they have at least `min_bytes`. A ticket's object is kept for its receiver for `grace`
    seconds, at most 3600. A second call replaces client, limit and grace.

    >>> import dolium.mp
    >>> with dolium.start_store("16MiB") as path:
    ...     client = dolium.Client(path)
    ...     dolium.mp.enable(client, "1MiB")
    ...     dolium.mp.counts()
    ...     dolium.mp.disable()
    Counts(by_ticket=0, put=0, by_value=0, last_refusal='')
    """
    if not isinstance(client, Client):
        raise TypeError(f"enable() takes a dolium.Client, whose objects other processes can get, not a "
                        f"{type(client).__name__}")
    if client.read_only:
        raise InvalidArgument("enable() takes a client with write access: a read-only one can give no object a grace")
    if not 0 < grace <= 3600:
        raise InvalidArgument(f"grace={grace}: give seconds above 0, and 3600 (one hour) at most")
    _state.client, _state.min_bytes, _state.grace, _state.counts = client, parse_size(min_bytes), grace, Counts()
    with _connecting:
        _clients[client.path] = client
    _register(Object, _reduce_object)
    if importlib.util.find_spec("numpy"):
        _register_numpy()
    if importlib.util.find_spec("pyarrow"):
        _register_arrow()
    setattr(ForkingPickler, "dump", _dump)


def disable() -> None:
    """Lets all values travel by value again. Tickets that are under way stay valid."""
    for kind in _registered:
        vars(ForkingPickler)["_extra_reducers"].pop(kind, None)  # register() has no counterpart
    if _registered:
        delattr(ForkingPickler, "dump")
    _registered.clear()
    _state.client = None
    _state.tables.clear()


def counts() -> Counts:
    """How values travelled since enable(), in this process: forked children count for themselves."""
    return _state.counts


def _register(kind, reduce):
    ForkingPickler.register(kind, reduce)
    _registered[kind] = reduce


def _register_numpy():
    import numpy

    _register(numpy.ndarray, _reduce_array)


def _register_arrow():
    import pyarrow

    from . import _arrow

    _register(pyarrow.Table, _reduce_arrow)
    _register(pyarrow.RecordBatch, _reduce_arrow)
    codecs._decoders[codecs.ARROW_STREAM] = _noting(_arrow._decode_table)
    codecs._decoders[codecs.ARROW_BATCH] = _noting(_arrow._decode_batch)


def _noting(decode):
    """A decoder that also notes in which Object a table lies: pyarrow's buffers do not tell."""

    def decode_and_note(obj, store):
        table = decode(obj, store)
        if _state.client is not None:
            key, tables = id(table), _state.tables
            tables[key] = weakref.ref(table, lambda _: tables.pop(key, None)), obj
        return table

    return decode_and_note


# ---- the sender ----


def _count(how, reason=""):
    counts = _state.counts
    changes = {how: getattr(counts, how) + 1}
    if reason:
        changes["last_refusal"] = reason
    _state.counts = counts._replace(**changes)


def _readers_of_next_ticket(id):
    """How many receivers the object waits for with one more ticket. Which tickets have arrived is not known here, so this
    may be too many: then the object is kept until the grace is over."""
    now, tickets = time.monotonic(), _state.tickets
    if len(tickets) >= 4096:
        _state.tickets = tickets = {each: entry for each, entry in tickets.items() if entry[1] > now}
    count, void = tickets.get(id, (0, 0.0))
    count = count + 1 if void > now else 1
    tickets[id] = count, now + _state.grace
    return count


def _ticket(obj):
    """A ticket of an object that this client got. None if the object was removed (taken), is another store's, or if the
    store refuses a grace: the value is put then, or pickled."""
    client = _state.client
    try:
        client.extend_grace(obj.id, _state.grace, _readers_of_next_ticket(obj.id))
        if client.get_raw(obj.id)._address != obj._address:  # another object of this id
            return None
        ticket = client.ref(obj.id, codecs._names.get(obj.type_tag)).ticket()  # with the name it asks nobody
    except DoliumError as error:
        _state.counts = _state.counts._replace(last_refusal=str(error))
        return None
    _count("by_ticket")
    return ticket


def _dump(self, obj):
    """ForkingPickler.dump(). If it fails, what was put for the message is removed: no receiver will take it."""
    outer, _message.puts = getattr(_message, "puts", None), []
    try:
        pickle.Pickler.dump(self, obj)
    except BaseException:
        _remove(_message.puts)
        raise
    finally:
        _message.puts = outer


def _remove(ids):
    for id in ids:
        with contextlib.suppress(DoliumError):  # the store is gone, and the object with it
            _state.client.remove(id)


def _put(value):
    """A ticket of an object that is put for this message. None if the value is small, or the store has no room."""
    if value.nbytes < _state.min_bytes:
        return None
    payload = codecs.encode(value)
    if payload.type_tag == codecs.PICKLE:  # no other format keeps this dtype
        return None
    client = _state.client
    options = {"metadata": payload.metadata, "type_tag": payload.type_tag, "type_name": payload.type_name,
               "grace": _state.grace}
    try:
        if payload.fill is None:
            id = client.put_raw(payload.data, **options)
        else:
            with client.create(None, payload.size, **options) as builder:
                payload.fill(builder)
            id = builder.id
        ticket = client.ref(id, payload.type_name).ticket()
    except DoliumError as error:
        _count("by_value", str(error))
        return None
    _count("put")
    if getattr(_message, "puts", None) is not None:
        _message.puts.append(id)
    return ticket


def _reduce_object(obj):
    ticket = _ticket(obj) if _state.client is not None else None
    if ticket is None:
        return bytes, (obj.tobytes(),)
    return _get_object, (_state.client.path, ticket)


def _object_below(array):
    """The Object whose memory an array is a view of, or None."""
    base = array
    while not isinstance(base, Object):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
        if base is None:
            return None
    return base


def _reduce_array(array):
    found = _object_below(array)
    ticket = _ticket(found) if found is not None and array.nbytes != 0 else None
    if ticket is not None:
        offset = array.__array_interface__["data"][0] - found._address
        return _get_array, (_state.client.path, ticket, array.shape, array.dtype, offset, array.strides)
    ticket = None if array.dtype.hasobject else _put(array)
    return array.__reduce__() if ticket is None else (_take, (_state.client.path, ticket))


def _reduce_arrow(table):
    reference, found = _state.tables.get(id(table), (None, None))
    ticket = _ticket(found) if found is not None and reference() is table else None
    if ticket is not None:
        return _get, (_state.client.path, ticket)
    ticket = _put(table)
    return table.__reduce__() if ticket is None else (_take, (_state.client.path, ticket))


# ---- the receiver ----


def _client_at(path):
    with _connecting:
        client = _clients.get(path)
        if client is None or client.closed or not client.connected:
            client = _clients[path] = Client(path, name="dolium.mp")
        return client


@or_lost
def _get_object(path, ticket):
    return _client_at(path).ref(ticket).get_raw()


@or_lost
def _get_array(path, ticket, shape, dtype, offset, strides):
    import numpy

    return numpy.ndarray(shape, dtype, _client_at(path).ref(ticket).get_raw(), offset, strides)


@or_lost
def _get(path, ticket):
    return _client_at(path).ref(ticket).get()


@or_lost
def _take(path, ticket):
    client = _client_at(path)
    return client.take(client.ref(ticket).id)
