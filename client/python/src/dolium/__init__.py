"""Dolium: a shared-memory object store for one host.

Processes hand each other large immutable objects without copying them: one puts, any number get, in place.

>>> import dolium
>>> with dolium.start_store("64MiB") as path:           # or: doliumd & , and Client() finds it
...     client = dolium.Client(path)
...     id = client.put("salve")                        # a format is chosen by the value's type
...     client.get(id)
'salve'

The classes: `Client` (a daemon's store) and `InProcessStore` (this process's own) have the same interface,
`ObjectStore`. Values are named by `ObjectId`s. `put` and `get` convert; `create` and `get_raw` are the memory itself:
an `ObjectBuilder` to write into and an `Object` to read from, both buffers that numpy and others take in place.

>>> import numpy
>>> store = dolium.InProcessStore("64MiB")
>>> id = store.put(numpy.arange(12.0).reshape(3, 4))    # exactly one copy
>>> array = store.get(id)                               # none
>>> array.shape, array.flags.writeable
((3, 4), False)

A pickle runs the code that its writer chose, so it is only read where that was allowed:

>>> trusting = dolium.InProcessStore("64MiB", allow_pickle=True)
>>> trusting.get(trusting.put({"weights": numpy.ones(3)}))
{'weights': array([1., 1., 1.])}

With asyncio: `await client.get_async(id)`, `async for event in client.subscribe()`. Errors are `DoliumError`s and fit
Python's own (`ObjectNotFound` is a KeyError): see dolium.errors. `dolium.plasma` is pyarrow.plasma's interface.
"""

from . import errors
from ._dolium import Object, ObjectBuilder, ObjectId
from . import dlpack as _dlpack
from .codecs import register
from .errors import (
    AlreadySealed,
    Disconnected,
    DoliumError,
    InvalidArgument,
    NotSealed,
    ObjectExists,
    ObjectNotFound,
    PermissionDenied,
    PickleNotAllowed,
    ProtocolError,
    StoreFull,
    StoreTimeout,
    SystemFailure,
    TooLarge,
    TypeMismatch,
)
from .files import get_file, put_files
from .records import ClientInfo, ClientOrigin, ClientUse, Event, ObjectMetadata, Obstacles, Refusal, StoreStats
from .server import start_store
from .store import Client, InProcessStore, ObjectStore
from .subscription import Subscription

__version__ = "0.1.0"
__all__ = [
    "AlreadySealed", "Client", "ClientInfo", "ClientOrigin", "ClientUse", "Disconnected", "DoliumError", "Event", "InProcessStore",
    "InvalidArgument", "NotSealed", "Object", "ObjectBuilder", "ObjectExists", "ObjectId", "ObjectMetadata",
    "ObjectNotFound", "ObjectStore", "Obstacles", "PermissionDenied", "PickleNotAllowed", "ProtocolError", "Refusal", "StoreFull",
    "StoreStats", "StoreTimeout", "Subscription", "SystemFailure", "TooLarge", "TypeMismatch", "errors", "get_file", "put_files",
    "register", "start_store",
]
